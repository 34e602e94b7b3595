//! Bundles as people read them: what was written, what holds and what does not.

use super::{short, verdict_word};
use domain::gate::{GateResult, GateState};
use studio::utc;
use studio::view::{
    BundleContent, BundleReport, BundleSummary, ExportFormat, Exported, Imported, Judgement,
    KeyTrust, SignatureView,
};

pub fn exported(exported: &Exported) -> String {
    let mut out = format!(
        "Run {} with {} cases written to {} ({} bytes).\n",
        exported.run.0, exported.cases, exported.path, exported.bytes
    );
    if let Some(sha256) = &exported.sha256 {
        out += &format!("sha256   {sha256}\n");
    }
    if exported.format == ExportFormat::Bundle && exported.key_ids.is_empty() {
        out += "It is not signed; `touchstone bundle sign` adds a signature.\n";
    }
    for key in &exported.key_ids {
        out += &format!("signed   with key {key}\n");
    }
    if let Some(salt) = &exported.salt_file {
        out += &format!(
            "salt     {salt} (for those who may check the contents; keep it from others)\n"
        );
    }
    out
}

pub fn report(report: &BundleReport) -> String {
    let mut out = String::new();
    if let Some(summary) = &report.summary {
        out += &heading(summary);
    }
    if report.summary.is_some() && report.signatures.is_empty() {
        out += "signed   by nobody: it may come from anyone\n";
    }
    for signature in &report.signatures {
        out += &line_of(signature);
    }
    match report.suite_matches {
        Some(true) => out += "suite    the given one is, case by case, the one that was withheld\n",
        Some(false) => out += "suite    the given one is not the one that was withheld\n",
        None => {}
    }
    if let Some(rerun) = &report.rerun {
        let other = if rerun.same_model {
            ""
        } else {
            ", another model than the bundle's"
        };
        out += &format!(
            "rerun    {} of {} vectors equal, by {}{other}\n",
            rerun.equal, rerun.vectors, rerun.model_name
        );
        for divergence in &rerun.divergences {
            out += &format!(
                "  {}: recorded {}, now {}\n",
                divergence.case,
                judgement(&divergence.recorded),
                judgement(&divergence.now)
            );
        }
    }
    if report.verified {
        out += &format!("{} holds.\n", report.file);
    } else {
        out += &format!("{} does not hold:\n", report.file);
        for problem in &report.problems {
            out += &format!("- {problem}\n");
        }
    }
    out
}

fn heading(summary: &BundleSummary) -> String {
    let withheld = match summary.content {
        BundleContent::Full => "",
        BundleContent::Withheld => ", contents withheld",
    };
    let demonstration = if summary.demonstration {
        " (a demonstration model)"
    } else {
        ""
    };
    let mut out = format!(
        "policy   {} ({}), revision {}\ncases    {}{withheld}\nmodel    {}{demonstration}, digest {}\n\
         bundle   {}\n",
        summary.policy,
        summary.title,
        short(&summary.revision),
        summary.cases,
        summary.model_name,
        summary.model_digest,
        summary.manifest_sha256,
    );
    out += &gates(&summary.gates);
    if let Some(from) = summary.not_before_ms {
        out += &format!("valid    from {}\n", utc(from));
    }
    if let Some(end) = summary.expires_at_ms {
        out += &format!("valid    until {}\n", utc(end));
    }
    out
}

fn gates(results: &[GateResult]) -> String {
    let missed: Vec<&GateResult> = results
        .iter()
        .filter(|result| result.state != GateState::Passed)
        .collect();
    match (results.len(), missed.len()) {
        (0, _) => "gates    none was set: nothing was asked of this policy\n".to_owned(),
        (all, 0) => format!("gates    all {all} met\n"),
        (all, some) => {
            let lines: String = missed
                .iter()
                .map(|result| format!("         - {}\n", result.message))
                .collect();
            format!("gates    NOT MET: {some} of {all}\n{lines}")
        }
    }
}

fn line_of(signature: &SignatureView) -> String {
    let trust = match (signature.valid, &signature.trust) {
        (false, _) => "the signature does not hold".to_owned(),
        (true, KeyTrust::Unknown) => "no list of trusted keys was given".to_owned(),
        (true, KeyTrust::NotTrusted) => "the key is not trusted".to_owned(),
        (true, KeyTrust::Trusted { name: None }) => "the key is trusted".to_owned(),
        (true, KeyTrust::Trusted { name: Some(name) }) => format!("the key is trusted: {name}"),
    };
    let when = signature
        .signed_at_ms
        .map_or_else(String::new, |at| format!(", {}", utc(at)));
    format!(
        "signed   by {}, {}{when}: \"{}\"\n         key {} ({trust})\n",
        signature.name, signature.role, signature.statement, signature.key_id
    )
}

fn judgement(judgement: &Judgement) -> String {
    let mut out = verdict_word(judgement.verdict).to_owned();
    if let Some(label) = &judgement.label {
        out += &format!(" {label}");
    }
    if let Some(margin) = judgement.margin {
        out += &format!(" (margin {margin:+.2})");
    }
    out
}

pub fn imported(imported: &Imported) -> String {
    format!(
        "{}Imported as run {} of {}: {} and {}, {} cases.\n",
        report(&imported.report),
        imported.run.0,
        imported.policy,
        imported.policy_file,
        imported.suite_file,
        imported.cases
    )
}
