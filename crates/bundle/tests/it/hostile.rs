//! The hostile-bundle collection: one file a class, in `fixtures/hostile-bundles`. Each is
//! made here, so that what is wrong with it can be read, and committed, so that others can
//! try their readers on it. `UPDATE_HOSTILE=1` writes the files anew.

use crate::support::{ada, bob, contents, signed, signed_by};
use bundle::{ATTESTATIONS, Bundle, MANIFEST, Refusal, archive};
use flate2::read::GzDecoder;
use std::io::Read;
use std::path::{Path, PathBuf};
use tar::{EntryType, Header};

const DAY_2026: i64 = 1_795_517_100_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/hostile-bundles")
}

/// The files of a sound bundle, in order.
fn sound() -> Vec<(String, Vec<u8>)> {
    archive::unpack(&signed()).unwrap()
}

fn pack(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let files = files
        .iter()
        .map(|(path, bytes)| (path.as_str(), &bytes[..]));
    archive::pack(files).unwrap()
}

fn unzip(packed: &[u8]) -> Vec<u8> {
    let mut tar = Vec::new();
    GzDecoder::new(packed).read_to_end(&mut tar).unwrap();
    tar
}

/// A sound bundle with one more entry, whose header is written by hand, before its end.
fn with_entry(name: &[u8], kind: EntryType, link: &str, size: u64) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_entry_type(kind);
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    if !link.is_empty() {
        header.set_link_name(link).unwrap();
    }
    header.set_cksum();
    let mut tar = unzip(&signed());
    tar.truncate(tar.len() - 1024);
    tar.extend_from_slice(header.as_bytes());
    tar.resize(tar.len() + 1024, 0);
    archive::compress(&tar).unwrap()
}

fn edited(path: &str, edit: impl Fn(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let mut files = sound();
    for (name, bytes) in &mut files {
        if name == path {
            *bytes = edit(std::mem::take(bytes));
        }
    }
    pack(&files)
}

fn replace(from: &'static str, to: &'static str) -> impl Fn(Vec<u8>) -> Vec<u8> {
    move |bytes| {
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains(from), "{from} is not there");
        text.replacen(from, to, 1).into_bytes()
    }
}

fn valid(not_before_ms: Option<i64>, expires_at_ms: Option<i64>) -> Vec<u8> {
    let mut contents = contents();
    contents.validity.not_before_ms = not_before_ms;
    contents.validity.expires_at_ms = expires_at_ms;
    bundle::write(&contents, |manifest| {
        vec![signed_by(manifest, "Ada", &ada())]
    })
    .unwrap()
}

/// Bob's signature under Ada's name and key.
fn wrongly_signed() -> Vec<u8> {
    bundle::write(&contents(), |manifest| {
        let mut envelope = signed_by(manifest, "Ada", &ada());
        let other = signed_by(manifest, "Ada", &bob());
        envelope.signatures[0].sig = other.signatures[0].sig.clone();
        vec![envelope]
    })
    .unwrap()
}

/// A sound manifest and sound signatures, of another bundle.
fn signed_elsewhere() -> Vec<u8> {
    let mut other = contents();
    other.change_log.push_str("- And more.\n");
    let other = bundle::write(&other, |manifest| vec![signed_by(manifest, "Ada", &ada())]).unwrap();
    let attestations = archive::unpack(&other)
        .unwrap()
        .into_iter()
        .find(|(path, _)| path == ATTESTATIONS)
        .unwrap();
    edited(ATTESTATIONS, |_| attestations.1.clone())
}

/// Every class, with the file that stands for it.
fn collection() -> Vec<(&'static str, Vec<u8>)> {
    let signed = signed();
    let mut missing = sound();
    missing.retain(|(path, _)| path != "run/metrics.json");
    let mut extra = sound();
    extra.push(("zz-extra.txt".to_owned(), b"hello\n".to_vec()));
    let mut twice = sound();
    let again = twice.last().unwrap().clone();
    twice.push(again);
    let mut trailing = signed.clone();
    trailing.extend_from_slice(b"trailing");
    let mut damaged = signed.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x10;
    let mut order = sound();
    let last = order.len() - 1;
    order.swap(last - 1, last);
    vec![
        (
            "tampered",
            edited("run/outcomes.jsonl", replace("4.25", "4.52")),
        ),
        (
            "tampered-manifest",
            edited(MANIFEST, replace("\"tobacco\"", "\"snuff\"")),
        ),
        (
            "gates-misstated",
            edited(
                MANIFEST,
                replace("\"gates\": \"met\"", "\"gates\": \"none_set\""),
            ),
        ),
        ("truncated", signed[..signed.len() * 2 / 3].to_vec()),
        ("damaged", damaged),
        (
            "oversized",
            with_entry(
                b"zz-large.bin",
                EntryType::Regular,
                "",
                archive::FILE_BYTES_MAX + 1,
            ),
        ),
        (
            "path-traversal",
            with_entry(b"../../evil.txt", EntryType::Regular, "", 0),
        ),
        (
            "absolute-path",
            with_entry(b"/etc/evil", EntryType::Regular, "", 0),
        ),
        (
            "backslash-path",
            with_entry(b"..\\evil.txt", EntryType::Regular, "", 0),
        ),
        (
            "symlink",
            with_entry(b"zz-link", EntryType::Symlink, "/etc/passwd", 0),
        ),
        (
            "hard-link",
            with_entry(b"zz-link", EntryType::Link, "/etc/passwd", 0),
        ),
        ("device", with_entry(b"zz-device", EntryType::Char, "", 0)),
        (
            "long-name",
            with_entry(b"long", EntryType::GNULongName, "", 0),
        ),
        ("pax-header", with_entry(b"pax", EntryType::XHeader, "", 0)),
        ("zip-bomb", archive::compress(&vec![0; 16 << 20]).unwrap()),
        ("wrongly-signed", wrongly_signed()),
        ("signed-elsewhere", signed_elsewhere()),
        ("expired", valid(None, Some(946_684_800_000))),
        ("not-yet-valid", valid(Some(250_000_000_000_000), None)),
        ("duplicate-entry", pack(&twice)),
        (
            "newer-version",
            edited(
                MANIFEST,
                replace("\"format_version\": 1", "\"format_version\": 2"),
            ),
        ),
        ("missing-file", pack(&missing)),
        ("missing-manifest", pack(&sound()[1..])),
        ("extra-file", pack(&extra)),
        ("other-order", pack(&order)),
        ("trailing-data", trailing),
        ("not-a-bundle", b"PK\x03\x04 hello".to_vec()),
        ("empty", Vec::new()),
    ]
}

/// What verification says: the refusal, or what speaks against the bundle.
fn verdict(bytes: &[u8]) -> String {
    let bundle = match bundle::read(bytes) {
        Ok(bundle) => bundle,
        Err(refusal) => return refusal.to_string(),
    };
    let mut problems = bundle.contradictions();
    problems.extend(bundle.out_of_force(DAY_2026));
    for checked in bundle.signers().unwrap() {
        let name = checked.signer.name;
        problems.extend(checked.problem.map(|problem| format!("{name}: {problem}")));
    }
    problems.join("\n")
}

#[test]
fn each_class_is_refused_with_its_reason() {
    assert_eq!(verdict(&signed()), "", "a sound bundle is not refused");
    let mut told = String::new();
    for (class, bytes) in collection() {
        let reason = verdict(&bytes);
        assert!(!reason.is_empty(), "{class} was not refused");
        told += &format!("{class}: {reason}\n");
    }
    insta::assert_snapshot!(told);
}

#[test]
fn the_committed_files_are_these() {
    let folder = folder();
    for (class, bytes) in collection() {
        let path = folder.join(format!("{class}.tar.gz"));
        if std::env::var_os("UPDATE_HOSTILE").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        let committed = std::fs::read(&path).unwrap_or_default();
        assert!(
            bytes == committed,
            "{class}.tar.gz is stale: run with UPDATE_HOSTILE=1"
        );
    }
    let files = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(
        files,
        collection().len(),
        "a file too many in {}",
        folder.display()
    );
}

/// The seeds of the fuzz target that need a sound bundle.
#[test]
fn the_seeds_of_the_fuzz_target_are_these() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let signed = signed();
    let with_mode = |mode: u8, bytes: &[u8]| [&[mode], bytes].concat();
    let files = sound();
    let mut seeds = vec![
        ("sound.tar.gz".to_owned(), signed.clone()),
        ("corpus/bundle/packed".to_owned(), with_mode(0, &signed)),
        (
            "corpus/bundle/archive".to_owned(),
            with_mode(1, &unzip(&signed)),
        ),
    ];
    for (at, (path, bytes)) in files.iter().enumerate() {
        let name = format!("corpus/bundle/{}", path.replace('/', "-"));
        seeds.push((name, [&[2, at as u8], &bytes[..]].concat()));
    }
    for (name, bytes) in seeds {
        let path = fuzz.join(&name);
        if std::env::var_os("UPDATE_HOSTILE").is_some() {
            std::fs::write(&path, &bytes).unwrap();
        }
        let committed = std::fs::read(&path).unwrap_or_default();
        assert!(
            bytes == committed,
            "fuzz/{name} is stale: run with UPDATE_HOSTILE=1"
        );
    }
}

/// Every byte counts: whatever one is changed to, the bundle is no longer accepted as it was.
#[test]
fn no_byte_can_be_changed_unnoticed() {
    let sound = signed();
    assert!(bundle::read(&sound).is_ok());
    let tar = unzip(&sound);
    let mut checked = 0;
    for at in (0..tar.len()).step_by(7) {
        let mut bytes = tar.clone();
        bytes[at] ^= 1 << (at % 8);
        match bundle::read(&archive::compress(&bytes).unwrap()) {
            Err(_) => {}
            Ok(bundle) => noticed(&bundle, at),
        }
        checked += 1;
    }
    assert!(checked > 1000);
}

/// Only in the manifest and the attestations can a change leave the bundle readable, and then
/// no signature that it touches holds.
fn noticed(bundle: &Bundle, at: usize) {
    let holds = bundle
        .signers()
        .is_ok_and(|signers| signers.iter().all(|checked| checked.problem.is_none()));
    assert!(!holds, "byte {at} was changed unnoticed");
}

#[test]
fn every_prefix_is_refused() {
    let sound = signed();
    for length in 0..sound.len() {
        assert!(bundle::read(&sound[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn the_bounds_hold_before_anything_is_read() {
    let many: Vec<(String, Vec<u8>)> = (0..=archive::FILES_MAX)
        .map(|number| (format!("f{number:03}"), Vec::new()))
        .collect();
    assert_eq!(
        bundle::read(&pack(&many)).err(),
        Some(Refusal::TooManyFiles(archive::FILES_MAX))
    );
}
