//! Traces as models write them, against policies of several styles.

use super::*;
use crate::policy;
use proptest::prelude::*;

/// `[span→clause]` for a citation, `[span→?]` for one that names no clause.
fn show(policy: &str, trace: &str) -> String {
    let citations = find(trace, &policy::clauses(policy));
    let units: Vec<u16> = trace.encode_utf16().collect();
    let cut = |from: u32, to: u32| String::from_utf16_lossy(&units[from as usize..to as usize]);
    let mut out = String::new();
    let mut at = 0;
    for citation in &citations {
        assert_eq!(cut(citation.start, citation.end), citation.text);
        out += &cut(at, citation.start);
        let clause = citation.clause.as_deref().unwrap_or("?");
        out += &format!("[{}→{clause}]", citation.text);
        at = citation.end;
    }
    out + &cut(at, units.len() as u32)
}

fn check(policy: &str, trace: &str, expected: &str) {
    assert_eq!(show(policy, trace), expected);
}

const SPAM: &str =
    "# Spam\n- SP2 Likely\n- SP2.a Cold promotion\n- SP2.b Ads\n- SP20 Bulk\n- SP3.a Repeats";

#[test]
fn the_longest_code_wins() {
    check(
        SPAM,
        "SP2.a applies, not SP2 nor SP20; SP2.",
        "[SP2.a→SP2.a] applies, not [SP2→SP2] nor [SP20→SP20]; [SP2→SP2].",
    );
}

#[test]
fn spellings_are_recognised() {
    check(
        SPAM,
        "**SP2.a**, `SP2.b`, (SP3.a), sp2.a, SP2(a), \"SP2\": yes. SP2.a/SP2.b, SP2-SP3.a",
        "**[SP2.a→SP2.a]**, `[SP2.b→SP2.b]`, ([SP3.a→SP3.a]), [sp2.a→SP2.a], [SP2(a)→SP2.a], \"[SP2→SP2]\": yes. [SP2.a→SP2.a]/[SP2.b→SP2.b], [SP2→SP2]-[SP3.a→SP3.a]",
    );
}

#[test]
fn invented_codes_of_the_policys_style_are_flagged() {
    check(
        SPAM,
        "Rule SP9 and SP2.z say so; also H2.f. COVID19, MP3, B2B and H1 are words.",
        "Rule [SP9→?] and [SP2.z→?] say so; also [H2.f→?]. COVID19, MP3, B2B and H1 are words.",
    );
}

#[test]
fn invented_codes_of_any_style_are_flagged_in_a_walk() {
    let policy = "- T1: tobacco\n- T2: history";
    check(
        policy,
        "T1 tobacco: no.\nV3 knives: no.\n- **T2**: yes.\nOn the M1 road.\nV3 decides.",
        "[T1→T1] tobacco: no.\n[V3→?] knives: no.\n- **[T2→T2]**: yes.\nOn the M1 road.\n[V3→?] decides.",
    );
    // One clause at the start of a line is no walk.
    check(
        policy,
        "T1 applies.\nM25 is a road, T2 is not met.",
        "[T1→T1] applies.\nM25 is a road, [T2→T2] is not met.",
    );
}

#[test]
fn a_missing_space_after_a_full_stop_is_not_a_part() {
    check(
        "- T1: tobacco\n- T2: history",
        "It breaks T1.A user sells. T2(no).",
        "It breaks [T1→T1].A user sells. [T2→T2](no).",
    );
}

#[test]
fn codes_inside_words_paths_and_addresses_are_none() {
    check(
        "- T1: tobacco",
        "x.com/T1 user@T1 AT1 T1x T12 T1_b D-T1 but T1-like and T1.",
        "x.com/T1 user@T1 AT1 T1x [T12→?] T1_b D-T1 but [T1→T1]-like and [T1→T1].",
    );
}

const NUMBERED: &str =
    "## 1. Weapons\n- 1.1 Guns\n- 1.10 Knives\n- 1.2 Ammunition\n## 2. Drugs\nNone.";

#[test]
fn dotted_numbers_are_told_from_quantities() {
    check(
        NUMBERED,
        "1.1 and 1.10 apply. It costs $1.1 or 1.2 million, 1.2%, 1.10 EUR, 1.1.2024, 01.1.24, version 1.1, 11.1, 1.15, 1.1, 1.2.",
        "[1.1→1.1] and [1.10→1.10] apply. It costs $1.1 or 1.2 million, 1.2%, 1.10 EUR, 1.1.2024, 01.1.24, version 1.1, 11.1, 1.15, [1.1→1.1], [1.2→1.2].",
    );
}

#[test]
fn bare_numbers_need_a_word_or_a_place() {
    check(
        NUMBERED,
        "Rule 1 and section 2 apply to 2 guns. Rules 1, 2 and 7 too.\n1: no\n2. Drugs: yes. It has 1 item (2).",
        "Rule [1→1] and section [2→2] apply to 2 guns. Rules [1→1], [2→2] and [7→?] too.\n[1→1]: no\n[2→2]. Drugs: yes. It has 1 item [(2)→2].",
    );
}

#[test]
fn invented_numbers_need_a_word() {
    check(
        NUMBERED,
        "Clause 9.9 and §3.1 do not exist; 4.5 is a number.",
        "Clause [9.9→?] and [§3.1→?] do not exist; 4.5 is a number.",
    );
}

#[test]
fn section_signs_and_letters() {
    check(
        "## § 4.1 Harm\nText.\n- (a) threats\n- (b) doxing\n## § 4.2 Spam\nText.",
        "§4.1(a) holds, § 4.2 not; section 4.1 too, 4.1(b).",
        "[§4.1(a)→§4.1(a)] holds, [§ 4.2→§4.2] not; section [4.1→§4.1] too, [4.1(b)→§4.1(b)].",
    );
    check(
        "A. private data\nB. tobacco",
        "A. private data: no.\nB. tobacco: yes. A user sells. Clause B decides. I think rule a is none.",
        "[A→A]. private data: no.\n[B→B]. tobacco: yes. A user sells. Clause [B→B] decides. I think rule a is none.",
    );
}

#[test]
fn chinese_articles() {
    check(
        "第一条 禁止烟草。\n第二条 禁止赌博。\n第十二条 例外。",
        "根据第一条和第2条，违规；第十二条不适用，第九条不存在。",
        "根据[第一条→第一条]和[第2条→第二条]，违规；[第十二条→第十二条]不适用，[第九条→?]不存在。",
    );
}

#[test]
fn generated_ids_stand_for_themselves() {
    check(
        "## Prohibited goods\n- weapons\n- drugs",
        "prohibited-goods-weapons: no. Prohibited-goods-drugs: yes. prohibited-goods-drugs2 is none.",
        "[prohibited-goods-weapons→prohibited-goods-weapons]: no. [Prohibited-goods-drugs→prohibited-goods-drugs]: yes. prohibited-goods-drugs2 is none.",
    );
}

#[test]
fn generated_ids_of_another_policy_are_not_remembered() {
    let trace = "prohibited-goods-weapons: no. allowed-goods-toys: yes.";
    for _ in 0..2 {
        check(
            "## Prohibited goods\n- weapons",
            trace,
            "[prohibited-goods-weapons→prohibited-goods-weapons]: no. allowed-goods-toys: yes.",
        );
        check(
            "## Allowed goods\n- toys",
            trace,
            "prohibited-goods-weapons: no. [allowed-goods-toys→allowed-goods-toys]: yes.",
        );
    }
}

#[test]
fn offsets_are_utf16_units() {
    let citations = find("🙂🙂 T1 违 T1", &policy::clauses("- T1: x"));
    let spans: Vec<(u32, u32)> = citations.iter().map(|c| (c.start, c.end)).collect();
    assert_eq!(spans, [(5, 7), (10, 12)]);
}

proptest! {
    #[test]
    fn spans_are_ordered_apart_and_cut_their_text(trace in "(SP2|\\.a|1\\.1| |,|第一条|🙂|rule |x|\\(|\\)|7|-|/){0,25}") {
        for policy in [SPAM, NUMBERED, "第一条 甲"] {
            let citations = find(&trace, &policy::clauses(policy));
            let units: Vec<u16> = trace.encode_utf16().collect();
            let mut at = 0;
            for citation in citations {
                prop_assert!(at <= citation.start && citation.start < citation.end);
                let cut = String::from_utf16_lossy(&units[citation.start as usize..citation.end as usize]);
                prop_assert_eq!(&cut, &citation.text);
                at = citation.end;
            }
        }
    }
}
