//! A bounded run of the fuzz targets: every seed of the corpus, and changes of them that a
//! fixed seed makes. `cargo fuzz` runs the same functions without a bound (docs/bundle.md).

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

#[path = "../fuzz/targets.rs"]
mod targets;

/// Pieces that readers give a meaning to.
const TOKENS: [&[u8]; 24] = [
    b"---\n",
    b"{\"id\":",
    b"\"content\":",
    b"\"violation\":",
    b"null",
    b"[",
    b"]",
    b"{",
    b"}",
    b"\"",
    b"\\u0000",
    b"\r\n",
    b"\n\n",
    b"<!--",
    b"-->",
    b"```",
    b"- **T1** ",
    b"# ",
    b"\xef\xbb\xbf",
    b"\xff",
    b"ustar\0",
    b"../",
    b"SAFE",
    "第三条".as_bytes(),
];
const BYTES_MAX: usize = 1 << 16;

/// SplitMix64: <https://prng.di.unimi.it/splitmix64.c>.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

fn changed(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let end = (at + random.below(32)).min(bytes.len());
        match random.below(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let token = TOKENS[random.below(TOKENS.len())];
                bytes.splice(at..at, token.iter().copied());
            }
            3 => {
                let repeated = bytes[at..end].repeat(random.below(4));
                bytes.splice(at..at, repeated);
            }
            4 => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => bytes.truncate(at),
        }
    }
    bytes.truncate(BYTES_MAX);
    bytes
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = acceptance::root().join("fuzz/corpus").join(target);
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("each target has a corpus")
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 3, "{} has few seeds", folder.display());
    let read = |path| fs::read(path).expect("a seed can be read");
    paths.iter().map(read).collect()
}

/// Runs one target over its corpus and `rounds` changes of it.
fn run(name: &str, rounds: usize) {
    let (_, target) = targets::TARGETS
        .into_iter()
        .find(|(known, _)| *known == name)
        .expect("the target is listed");
    let seeds = corpus(name);
    let mut random = Random(0x70ad_5eed);
    let changes = (0..rounds).map(|_| changed(&seeds, &mut random));
    for input in seeds.clone().into_iter().chain(changes) {
        if catch_unwind(AssertUnwindSafe(|| target(&input))).is_err() {
            let file = std::env::temp_dir().join(format!("touchstone-{name}-crash"));
            fs::write(&file, &input).expect("the input can be kept");
            panic!("{name} broke its promise; the input is {}", file.display());
        }
    }
}

#[test]
fn bundles_are_refused_or_read_whole() {
    run("bundle", 3000);
}

#[test]
fn suites_are_read_as_they_are_written() {
    run("suite", 10_000);
}

#[test]
fn policies_are_read_or_refused_with_their_place() {
    run("policy", 3000);
}

#[test]
fn replies_give_a_verdict_or_a_reason() {
    run("reply", 10_000);
}
