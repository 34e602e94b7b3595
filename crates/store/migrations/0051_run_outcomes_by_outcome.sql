-- From what was said to the runs that hold it; search asks for the newest of them.
CREATE INDEX run_outcomes_by_outcome ON run_outcomes (outcome, run);
