//! Whole checkpoints pass; each kind of damage is found, and named.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use tempfile::TempDir;

fn copy(name: &str) -> TempDir {
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures")
        .join(name);
    let to = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
    }
    to
}

fn check(dir: &Path) -> Verified {
    verify(dir, &Cancel::default(), &mut |_, _| ()).unwrap()
}

fn replace(path: &Path, from: &[u8], to: &[u8]) {
    let bytes = std::fs::read(path).unwrap();
    let at = bytes.windows(from.len()).position(|w| w == from).unwrap();
    std::fs::write(path, [&bytes[..at], to, &bytes[at + from.len()..]].concat()).unwrap();
}

#[track_caller]
fn only_fault(dir: &Path, file: &str, tensor: Option<&str>, words: &str) {
    let verified = check(dir);
    let [fault] = &verified.faults[..] else {
        panic!("not one fault: {:?}", verified.faults);
    };
    assert_eq!(
        (fault.file.as_str(), fault.tensor.as_deref()),
        (file, tensor)
    );
    assert!(
        fault.message.contains(words),
        "no {words:?} in: {}",
        fault.message
    );
}

#[test]
fn whole_checkpoints_have_no_faults() {
    for name in ["pebble", "parity/babbler"] {
        let verified = check(copy(name).path());
        assert_eq!(
            (verified.faults, verified.compared),
            (Vec::new(), 0),
            "{name}"
        );
        assert!(verified.tensors > 20 && verified.files == 1);
    }
}

#[test]
fn shards_are_looked_through_too() {
    // The parity checkpoints come without a vocabulary.
    let dir = copy("parity/gamma");
    only_fault(dir.path(), "tokenizer.json", None, "cannot be read");
    std::fs::remove_file(dir.path().join("model-00001-of-00003.safetensors")).unwrap();
    let verified = check(dir.path());
    let missing = verified
        .faults
        .iter()
        .filter(|fault| fault.tensor.is_some());
    assert!(missing.count() > 1);
    for fault in &verified.faults {
        let expected = match fault.file.as_str() {
            "tokenizer.json" => "tokenizer.json",
            "model-00001-of-00003.safetensors" => "etch",
            other => panic!("{other}: {}", fault.message),
        };
        assert!(fault.message.contains(expected), "{}", fault.message);
    }
}

#[test]
fn a_tensor_of_another_name_or_shape() {
    let dir = copy("parity/babbler");
    let file = dir.path().join("model.safetensors");
    replace(
        &file,
        b"layers.0.self_attn.sinks",
        b"layers.0.self_attn.sunks",
    );
    let verified = check(dir.path());
    let tensors: Vec<_> = verified
        .faults
        .iter()
        .filter_map(|f| f.tensor.as_deref())
        .collect();
    assert_eq!(
        tensors,
        [
            "model.layers.0.self_attn.sunks",
            "model.layers.0.self_attn.sinks"
        ]
    );
    let dir = copy("parity/babbler");
    replace(
        &dir.path().join("config.json"),
        b"\"num_local_experts\": 4",
        b"\"num_local_experts\": 3",
    );
    let verified = check(dir.path());
    assert!(
        verified
            .faults
            .iter()
            .all(|f| f.message.contains("expected"))
    );
    assert!(verified.faults.len() >= 8, "{:?}", verified.faults);
}

#[test]
fn a_file_cut_short_and_a_number_that_is_none() {
    let dir = copy("parity/babbler");
    let file = dir.path().join("model.safetensors");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 100]).unwrap();
    let verified = check(dir.path());
    assert!(
        verified.faults[0].message.contains("cut short"),
        "{:?}",
        verified.faults
    );
    std::fs::write(&file, &bytes[..5]).unwrap();
    let verified = check(dir.path());
    assert!(
        verified.faults[0].message.contains("cut short"),
        "{:?}",
        verified.faults
    );
    // The first scale of some expert becomes no number.
    let (entries, data) = weights::header(&bytes).unwrap();
    let name = "model.layers.1.mlp.experts.down_proj_scales";
    let mut broken = bytes.clone();
    broken[data + entries[name].data_offsets[0] + 3] = 255;
    std::fs::write(&file, broken).unwrap();
    only_fault(
        dir.path(),
        "model.safetensors",
        Some(name),
        "place 3 holds no finite number",
    );
}

#[test]
fn stored_digests_are_compared() {
    let dir = copy("parity/babbler");
    let sum = |name: &str| {
        hex(&Sha256::digest(
            std::fs::read(dir.path().join(name)).unwrap(),
        ))
    };
    let sums = format!(
        "{}  model.safetensors\n{} *config.json\n",
        sum("model.safetensors"),
        sum("config.json")
    );
    std::fs::write(dir.path().join("SHA256SUMS"), &sums).unwrap();
    // git's own name of the tokenizer, as the hub gives it for small files.
    let bytes = std::fs::read(dir.path().join("tokenizer.json")).unwrap();
    let blob = {
        use sha1::Digest as _;
        let whole = [format!("blob {}\0", bytes.len()).as_bytes(), &bytes].concat();
        hex(&Sha1::digest(whole))
    };
    let hub = dir.path().join(HUB_METADATA);
    std::fs::create_dir_all(&hub).unwrap();
    std::fs::write(
        hub.join("tokenizer.json.metadata"),
        format!("c0ffee\n{blob}\n1.0\n"),
    )
    .unwrap();
    let mut last = (0, 0);
    let verified = verify(dir.path(), &Cancel::default(), &mut |done, all| {
        last = (done, all)
    })
    .unwrap();
    assert_eq!((verified.faults, verified.compared), (Vec::new(), 3));
    assert_eq!((last.0, last.1), (verified.bytes, verified.bytes));

    replace(&dir.path().join("config.json"), b"150000.0", b"150001.0");
    only_fault(dir.path(), "config.json", None, "SHA256SUMS says");
    replace(&dir.path().join("config.json"), b"150001.0", b"150000.0");
    replace(&dir.path().join("tokenizer.json"), b"\"1.0\"", b"\"1.0\" ");
    only_fault(dir.path(), "tokenizer.json", None, "git blob id");
}

#[test]
fn a_manifest_is_compared_and_names_missing_files() {
    let dir = copy("parity/babbler");
    let file = |path: &str, sha256: String| ManifestFile {
        path: path.to_owned(),
        bytes: 1,
        sha256,
    };
    let config = hex(&Sha256::digest(
        std::fs::read(dir.path().join("config.json")).unwrap(),
    ));
    let manifest = Manifest {
        repository: "a/b".to_owned(),
        revision: "main".to_owned(),
        commit: "c0ffee".to_owned(),
        files: vec![
            file("config.json", config),
            file("gone.json", "0".repeat(64)),
        ],
    };
    let text = serde_json::to_string(&manifest).unwrap();
    std::fs::write(dir.path().join(MANIFEST), text).unwrap();
    only_fault(dir.path(), "gone.json", None, "Fetch the file again");
    assert!(
        verify(
            &dir.path().join("nowhere"),
            &Cancel::default(),
            &mut |_, _| ()
        )
        .is_err()
    );
}

#[test]
fn gguf_files_are_looked_through_too() {
    for name in ["bf16.gguf", "q8_0.gguf"] {
        let dir = copy("gguf/twin");
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/gguf");
        let bytes = std::fs::read(from.join(name)).unwrap();
        // By its path, as the only model of its folder, and as a blob with its digest for a name.
        let path = dir.path().join(name);
        std::fs::write(&path, &bytes).unwrap();
        let verified = check(&path);
        assert_eq!((verified.faults, verified.compared), (Vec::new(), 0));
        assert!(verified.tensors > 20 && verified.files == 1);
        let alone = tempfile::tempdir().unwrap();
        std::fs::write(alone.path().join(name), &bytes).unwrap();
        assert_eq!(check(alone.path()).faults, []);
        let blob = alone
            .path()
            .join(format!("sha256-{}", hex(&Sha256::digest(&bytes))));
        std::fs::write(&blob, &bytes).unwrap();
        let verified = check(&blob);
        assert_eq!((verified.faults, verified.compared), (Vec::new(), 1));
    }
}

#[test]
fn broken_gguf_files_are_described() {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/gguf/q8_0.gguf");
    let bytes = std::fs::read(from).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let written = |bytes: &[u8]| {
        let path = dir.path().join("model.gguf");
        std::fs::write(&path, bytes).unwrap();
        path
    };
    only_fault(
        &written(&bytes[..bytes.len() - 64]),
        "model.gguf",
        None,
        "cut short",
    );
    // A name of the same length, in the list of tensors: it stands behind the keys.
    let renamed = |from: &str, to: &str| {
        let at = bytes
            .windows(from.len())
            .rposition(|w| w == from.as_bytes())
            .unwrap();
        [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat()
    };
    let verified = check(&written(&renamed("blk.0.attn_k.bias", "blk.0.attn_q.bias")));
    let about: Vec<&str> = verified.faults.iter().map(|f| &*f.message).collect();
    assert!(
        about.iter().any(|message| message.contains("twice")),
        "{about:?}"
    );
    assert!(
        about.iter().any(|message| message.contains("is missing")),
        "{about:?}"
    );

    let file = crate::gguf::Gguf::open(&written(&bytes)).unwrap();
    for (dtype, number) in [
        ("MXFP4", &[255_u8][..]),
        ("Q8_0", &[0, 0x7c]),
        ("F32", &[0, 0, 0x80, 0x7f]),
    ] {
        let tensor = file
            .tensors
            .iter()
            .find(|tensor| tensor.dtype == dtype)
            .unwrap();
        let mut broken = bytes.clone();
        broken[tensor.range.start..][..number.len()].copy_from_slice(number);
        let other = dir.path().join("broken.gguf");
        std::fs::write(&other, broken).unwrap();
        only_fault(
            &other,
            "broken.gguf",
            Some(&tensor.name),
            "0 holds no finite number",
        );
    }
}
