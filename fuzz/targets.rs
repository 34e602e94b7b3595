//! What each reader of strangers' bytes must hold, whatever the bytes are. `cargo fuzz` and
//! the bounded run of the tests call the same functions; a broken promise is a panic.

use bundle::{Manifest, archive};
use domain::case::{self, parse_suite, to_line};
use domain::policy::{self, Clause, OutputContract, OutputKind};
use domain::verdict::{Expected, Verdict, read};
use reply_reader::{Channel, Finish, Message, Parser, Piece};
use std::sync::LazyLock;

/// The engine's reader of replies as it is, without the model around it.
#[path = "../crates/engine/src/reply.rs"]
#[expect(dead_code, reason = "some ends of a reply are for the engine to say")]
mod reply_reader;

pub type Target = fn(&[u8]);

/// The targets by their names.
pub const TARGETS: [(&str, Target); 4] = [
    ("bundle", bundle),
    ("suite", suite),
    ("policy", policy),
    ("reply", reply),
];

/// A bundle. Random bytes end at the first checksum, so the first byte chooses how deep to
/// begin: at the packed file, at the archive in it, or at one file of a sound bundle whose
/// manifest is made to agree.
pub fn bundle(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else {
        return;
    };
    let packed = match mode % 3 {
        0 => rest.to_vec(),
        1 => archive::compress(rest).expect("compressed in memory"),
        _ => match one_file_replaced(rest) {
            Some(packed) => packed,
            None => return,
        },
    };
    let Ok(read) = bundle::read(&packed) else {
        return;
    };
    let again = read.to_bytes().expect("what was read can be written");
    assert_eq!(bundle::read(&again).as_ref(), Ok(&read));
    let _ = read.contradictions();
    let _ = read.signers();
    let _ = read.out_of_force(0);
}

const SOUND: &[u8] = include_bytes!("sound.tar.gz");

fn one_file_replaced(data: &[u8]) -> Option<Vec<u8>> {
    let (at, content) = data.split_first()?;
    let mut files = archive::unpack(SOUND).ok()?;
    let at = usize::from(*at) % files.len();
    files[at].1 = content.to_vec();
    if at > 0 {
        let mut manifest: Manifest = serde_json::from_slice(&files[0].1).ok()?;
        let path = files[at].0.clone();
        for entry in &mut manifest.files {
            if entry.path == path {
                entry.bytes = content.len() as u64;
                entry.sha256 = domain::hex_digest(content);
            }
        }
        files[0].1 = serde_json::to_vec_pretty(&manifest).ok()?;
        files[0].1.push(b'\n');
    }
    let files = files
        .iter()
        .map(|(path, bytes)| (path.as_str(), &bytes[..]));
    archive::pack(files).ok()
}

/// A suite file: what is read of it is written and read again as it was, and editing one case
/// leaves the others.
pub fn suite(data: &[u8]) {
    let (cases, problems) = parse_suite(data);
    let lines = data.split(|byte| *byte == b'\n').count();
    assert!(
        problems
            .iter()
            .all(|problem| (1..=lines as u32).contains(&problem.line))
    );
    let written: String = cases.iter().map(|case| to_line(case) + "\n").collect();
    let (again, problems) = parse_suite(written.as_bytes());
    assert_eq!(again, cases);
    assert!(problems.is_empty(), "{problems:?}");
    if let (Ok(text), Some(first)) = (std::str::from_utf8(data), cases.first()) {
        let removed = case::edit_suite(text, Some(&first.id), None).expect("the case is there");
        let left = parse_suite(removed.as_bytes()).0;
        assert!(
            left.iter()
                .all(|case| cases.contains(case) || case.id == first.id)
        );
        let replaced = case::edit_suite(text, Some(&first.id), Some(first)).expect("it is there");
        assert_eq!(parse_suite(replaced.as_bytes()).0, cases);
    }
}

/// A policy file: places lie within it, and what the model reads of it is stable.
pub fn policy(data: &[u8]) {
    // As editors count them: LF, CRLF and a lone CR each end a line.
    let ends = data.iter().zip(data.iter().skip(1).chain(b" "));
    let ends = ends.filter(|(byte, next)| **byte == b'\n' || (**byte == b'\r' && **next != b'\n'));
    let lines = ends.count() as u32 + 1;
    let within = |line: u32| (1..=lines).contains(&line);
    match policy::parse(data) {
        Err(error) => assert!(error.line.is_none_or(within) && !error.message.is_empty()),
        Ok(read) => {
            assert!(!read.body.is_empty() && read.revision.0.len() == 64);
            assert!(read.warnings.iter().all(|(line, _)| within(*line)));
            for clause in &read.clauses {
                assert!(within(clause.line_start) && clause.line_start <= clause.line_end);
            }
            assert_eq!(policy::parse(data).as_ref(), Ok(&read));
        }
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = policy::clauses(text);
        assert!(policy::lint(text).iter().all(|(line, _)| within(*line)));
    }
}

/// A reply as the model's tokens bring it: read by the engine's own reader, which yields the
/// same texts however they are cut, and then by the verdict's: unparsed with a reason or a
/// verdict whose label lies on its side, never both. Control tokens are written out
/// (`<|channel|>`); a text without any is taken for the final message.
pub fn reply(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else {
        return;
    };
    let cut = read_reply(&pieces(rest, usize::from(kind / 5 % 8) + 1));
    let whole = read_reply(&pieces(rest, rest.len()));
    let endless = |read: &Read| matches!(&read.finish, Some(Finish::Malformed(why)) if why.contains("does not end"));
    if !endless(&cut) {
        assert_eq!(cut.messages, whole.messages);
        let broken = |read: &Read| matches!(read.finish, Some(Finish::Malformed(_)));
        assert_eq!(cut.finish.is_some(), whole.finish.is_some());
        assert_eq!(broken(&cut), broken(&whole), "{cut:?} {whole:?}");
    }
    let answer = match cut.answer {
        Some(answer) => answer,
        None => String::from_utf8_lossy(rest).into_owned(),
    };
    verdict(*kind, &answer);
}

/// What a reply came to.
#[derive(Debug)]
struct Read {
    messages: Vec<Message>,
    finish: Option<Finish>,
    answer: Option<String>,
}

fn read_reply(pieces: &[Piece<'_>]) -> Read {
    let mut parser = Parser::default();
    let mut streamed: Vec<(Channel, String)> = Vec::new();
    let mut finish = None;
    for piece in pieces {
        let inside = parser.channel();
        let step = parser.push(*piece);
        if let (Piece::Text(_), Some((channel, _)), Some(inside)) = (piece, &step.text, inside) {
            assert_eq!(*channel, inside);
        }
        streamed.extend(step.text);
        if step.finish.is_some() {
            finish = step.finish;
            break;
        }
    }
    streamed.extend(parser.flush());
    assert_eq!(parser.flush(), None, "nothing is given out twice");
    for channel in [Channel::Analysis, Channel::Commentary, Channel::Final] {
        let of_channel = streamed.iter().filter(|(at, _)| *at == channel);
        let texts: String = of_channel.map(|(_, text)| text.as_str()).collect();
        assert_eq!(parser.text(channel).unwrap_or_default(), texts);
    }
    Read {
        answer: parser.text(Channel::Final),
        messages: parser.messages,
        finish,
    }
}

const CONTROLS: [(&[u8], Piece<'static>); 7] = [
    (b"<|start|>", Piece::Start),
    (b"<|end|>", Piece::End),
    (b"<|message|>", Piece::Message),
    (b"<|channel|>", Piece::Channel),
    (b"<|constrain|>", Piece::Constrain),
    (b"<|return|>", Piece::Stop),
    (b"<|reserved|>", Piece::Other),
];

/// Bytes as the tokens that would bring them: texts of at most so many bytes, which cut
/// characters apart as a vocabulary does.
fn pieces(mut bytes: &[u8], text_bytes_max: usize) -> Vec<Piece<'_>> {
    let control = |at: &[u8]| CONTROLS.iter().find(|(name, _)| at.starts_with(name));
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        if let Some((name, piece)) = control(bytes) {
            pieces.push(*piece);
            bytes = &bytes[name.len()..];
            continue;
        }
        let text = (1..bytes.len()).find(|at| control(&bytes[*at..]).is_some());
        let (text, rest) = bytes.split_at(text.unwrap_or(bytes.len()));
        pieces.extend(text.chunks(text_bytes_max).map(Piece::Text));
        bytes = rest;
    }
    pieces
}

fn verdict(kind: u8, answer: &str) {
    let contract = contract(kind);
    let reading = read(&contract, answer);
    assert_eq!(
        reading.verdict == Verdict::Unparsed,
        reading.unparsed_reason.is_some()
    );
    if let Some(label) = &reading.label
        && let Some((_, side)) = contract.labels.iter().find(|(known, _)| known == label)
    {
        assert!(reading.verdict.is(*side), "{answer:?}: {reading:?}");
    }
    static CLAUSES: LazyLock<Vec<Clause>> =
        LazyLock::new(|| policy::clauses("# P\n\n- **T1** a\n- **T1.a** b\n- **2.1** c\n"));
    let units = answer.encode_utf16().count() as u32;
    for citation in domain::citation::find(answer, &CLAUSES) {
        assert!(citation.start < citation.end && citation.end <= units);
    }
}

fn contract(kind: u8) -> OutputContract {
    let labels = |pairs: &[(&str, Expected)]| {
        let owned = pairs
            .iter()
            .map(|(label, side)| ((*label).to_owned(), *side));
        owned.collect()
    };
    let (violates, safe) = (Expected::Violates, Expected::Safe);
    let (kind, labels) = match kind % 5 {
        0 => (
            OutputKind::Label,
            labels(&[("VIOLATES", violates), ("SAFE", safe)]),
        ),
        1 => (
            OutputKind::Label,
            labels(&[
                ("SP0", safe),
                ("SP2", violates),
                ("SP2.a", violates),
                ("SP", violates),
            ]),
        ),
        2 => (OutputKind::Binary, Vec::new()),
        3 => (OutputKind::Json, Vec::new()),
        _ => (
            OutputKind::Label,
            labels(&[("违规", violates), ("安全", safe)]),
        ),
    };
    OutputContract { kind, labels }
}
