//! What is written is what is read, whatever it is.

use crate::support::{POLICY, ada, bob, case, contents, outcome, signed, signed_by};
use bundle::{CaseSet, Contents, SALT_BYTES, Salt, Validity, withhold};
use domain::case::{Case, Content, Role, Turn};
use domain::verdict::{Expected, Verdict};
use proptest::prelude::*;

fn unsigned(contents: &Contents) -> Vec<u8> {
    bundle::write(contents, |_| Vec::new()).unwrap()
}

#[test]
fn a_bundle_is_read_as_it_was_written() {
    let read = bundle::read(&signed()).unwrap();
    assert_eq!(read.contents, contents());
    assert_eq!(read.contradictions(), Vec::<String>::new());
    let signers = read.signers().unwrap();
    let ids = [ada(), bob()].map(|key| key.public().id());
    assert_eq!(signers.len(), 2);
    for (checked, id) in signers.iter().zip(ids) {
        assert_eq!(checked.problem, None);
        assert_eq!(checked.key_id, id);
    }
    assert_eq!(signers[1].signer.statement, "I have read every case.");
    assert_eq!(read.to_bytes().unwrap(), signed());
}

#[test]
fn the_same_contents_give_the_same_bytes() {
    assert_eq!(signed(), signed());
    assert_eq!(unsigned(&contents()), unsigned(&contents()));
}

#[test]
fn a_signature_can_be_added_later_and_changes_nothing_else() {
    let mut read = bundle::read(&unsigned(&contents())).unwrap();
    let before = read.manifest_sha256.clone();
    let envelope = signed_by(&read.manifest, "Ada", &ada());
    read.add(envelope);
    let again = bundle::read(&read.to_bytes().unwrap()).unwrap();
    assert_eq!(again.manifest_sha256, before);
    assert_eq!(again.signers().unwrap().len(), 1);
}

#[test]
fn verdicts_that_do_not_follow_from_their_answers_are_found() {
    let mut lying = contents();
    lying.outcomes[0].verdict = Verdict::Safe;
    let found = bundle::read(&unsigned(&lying)).unwrap().contradictions();
    assert_eq!(found.len(), 1);
    assert!(
        found[0].contains("not what their answers say: a"),
        "{found:?}"
    );
}

#[test]
fn a_withheld_bundle_says_nothing_of_its_contents() {
    let salt = Salt([9; SALT_BYTES]);
    let quiet = withhold(contents(), &salt);
    let bytes = unsigned(&quiet);
    let read = bundle::read(&bytes).unwrap();
    assert_eq!(read.contents, quiet);
    assert_eq!(read.contradictions(), Vec::<String>::new());
    assert_eq!(read.contents.metrics(), contents().metrics());
    for (path, bytes) in bundle::archive::unpack(&bytes).unwrap() {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        for secret in ["cigar", "museum", "secret note", "\"ada\"", "smoke"] {
            assert!(!text.contains(secret), "{path} says \"{secret}\"");
        }
        for case in contents().cases().unwrap() {
            let bare = domain::case::fingerprint(case);
            assert!(
                !text.contains(&bare),
                "{path} has a bare hash of {}",
                case.id
            );
        }
    }
    let cases = contents().cases().unwrap().to_vec();
    assert_eq!(quiet.suite.reveal(&cases, &salt), Ok(cases.clone()));
    let mut other = cases.clone();
    other[1].content = Content::Text("something else".to_owned());
    assert!(quiet.suite.reveal(&other, &salt).is_err());
    assert!(quiet.suite.reveal(&cases, &Salt([8; SALT_BYTES])).is_err());
    assert!(quiet.suite.reveal(&cases[1..], &salt).is_err());
}

#[test]
fn a_salt_is_64_digits() {
    let salt = Salt([0xab; SALT_BYTES]);
    assert!(Salt::parse(&salt.to_text()) == Some(salt));
    for text in ["", "ab", &"zz".repeat(32), &"é".repeat(32)] {
        assert!(Salt::parse(text).is_none(), "{text}");
    }
}

fn texts() -> impl Strategy<Value = Content> {
    // At least one character that is no white space, or the suite would refuse it.
    let text = "\\PC{0,20}[a-z{}<>|\"\\\\é中🚬]\\PC{0,20}(\n\\PC{0,10})?";
    prop_oneof![
        text.prop_map(Content::Text),
        prop::collection::vec((any::<bool>(), text), 1..4).prop_map(|turns| {
            let turn = |(user, text)| Turn {
                role: if user { Role::User } else { Role::Assistant },
                text,
            };
            Content::Turns(turns.into_iter().map(turn).collect())
        }),
    ]
}

fn arbitrary() -> impl Strategy<Value = Contents> {
    let verdict = prop_oneof![
        Just(Verdict::Violates),
        Just(Verdict::Safe),
        Just(Verdict::Unparsed)
    ];
    let expected = prop_oneof![
        Just(None),
        Just(Some(Expected::Violates)),
        Just(Some(Expected::Safe))
    ];
    let margin = prop::option::of(-40.0..40.0f64);
    let row = (texts(), expected, verdict, margin, "\\PC{0,40}");
    let rows = prop::collection::vec(row, 1..6);
    let times = (
        prop::option::of(0..1_000_000i64),
        prop::option::of(0..1_000_000i64),
    );
    (rows, times, "\\PC{0,30}").prop_map(|(rows, times, change_log)| {
        let mut cases: Vec<Case> = Vec::new();
        let mut outcomes = Vec::new();
        for (at, (content, expected, verdict, margin, trace)) in rows.into_iter().enumerate() {
            let id = format!("case {at}");
            cases.push(case(&id, content, expected));
            let mut outcome = outcome(&id, verdict, margin);
            outcome.trace = trace;
            outcomes.push(outcome);
        }
        Contents {
            policy_text: POLICY.to_owned(),
            suite: CaseSet::Full(cases),
            outcomes,
            change_log,
            validity: Validity {
                not_before_ms: times.0,
                expires_at_ms: times.1,
            },
            ..contents()
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_contents_come_back(contents in arbitrary()) {
        let bytes = unsigned(&contents);
        let read = bundle::read(&bytes).unwrap();
        prop_assert_eq!(&read.contents, &contents);
        prop_assert_eq!(read.contradictions(), Vec::<String>::new());
        prop_assert_eq!(read.to_bytes().unwrap(), bytes);
    }

    #[test]
    fn any_contents_can_be_withheld_and_revealed(contents in arbitrary(), seed in any::<[u8; 32]>()) {
        let salt = Salt(seed);
        let cases = contents.cases().unwrap().to_vec();
        let quiet = withhold(contents, &salt);
        let read = bundle::read(&unsigned(&quiet)).unwrap();
        prop_assert_eq!(read.contents.suite.reveal(&cases, &salt), Ok(cases));
    }

    #[test]
    fn any_key_survives_its_file(seed in any::<[u8; 32]>()) {
        let key = bundle::keys::PrivateKey::from_seed(&seed);
        let again = bundle::keys::PrivateKey::from_pem(&key.to_pem()).unwrap();
        prop_assert_eq!(again.public(), key.public());
        let public = bundle::keys::PublicKey::from_pem(&key.public().to_pem()).unwrap();
        prop_assert_eq!(public.id(), key.public().id());
    }
}
