-- What traces and answers say, for the search through all of them. The texts stay in
-- outcomes; this holds the index alone. Trigrams find parts of words, and Chinese, which
-- writes no spaces. Written by the trigger below, once for each outcome; read by search.
CREATE VIRTUAL TABLE outcomes_search USING fts5 (
    trace, answer,
    content = 'outcomes', content_rowid = 'outcome', tokenize = 'trigram'
);

INSERT INTO outcomes_search (outcomes_search) VALUES ('rebuild');

CREATE TRIGGER outcomes_searchable AFTER INSERT ON outcomes
BEGIN
    INSERT INTO outcomes_search (rowid, trace, answer)
    VALUES (NEW.outcome, NEW.trace, NEW.answer);
END;
