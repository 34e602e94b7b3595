//! Releases of a policy: whether what lies on disk may be released, who vouches for it, and
//! the record of what was.
//!
//! A release is a finished run of the policy's file and suite, as they are on disk, that
//! meets every gate. Releases and sign-offs are only ever added.

use crate::files;
use crate::gates::told;
use crate::studio::{Studio, now_ms};
use crate::view::{
    Block, Failure, Problem, Release, ReleaseView, RunSummary, Severity, SignOff, SignOffRequest,
};
use crate::workspace::{self, check_name, policy_path, shown, suite_path};
use domain::change_log::{Since, draft};
use domain::policy::Policy;
use domain::run::RunId;
use store::suite_hash;

impl Studio {
    /// What the release screen shows. Nothing is run.
    pub async fn release_view(&self, policy: &str) -> Result<ReleaseView, Failure> {
        check_name(policy)?;
        let (read, mut problems) = self.read_for_release(policy)?;
        let run = match &read {
            Some((read, suite)) => self.run_on_disk(policy, read, suite).await?,
            None => None,
        };
        let gates = match self.gates_of(policy) {
            Ok(gates) => gates,
            Err(found) => {
                problems.extend(found);
                Vec::new()
            }
        };
        let report = match &run {
            Some(run) if !gates.is_empty() => match self.judge_gates(run.run, None).await? {
                Ok(report) => Some(report),
                Err(found) => {
                    problems.extend(found);
                    None
                }
            },
            _ => None,
        };
        let releases = self.releases(policy).await?;
        let newest = releases.first();
        let mut blocks = Vec::new();
        if !problems.is_empty() {
            blocks.push(Block::Problems);
        }
        if run.is_none() {
            blocks.push(Block::NotRun);
        }
        if gates.is_empty() && problems.is_empty() {
            blocks.push(Block::NoGates);
        }
        if report.as_ref().is_some_and(|report| !report.passed) {
            blocks.push(Block::GatesNotMet);
        }
        if run.is_some() && newest.map(|release| release.run) == run.as_ref().map(|run| run.run) {
            blocks.push(Block::ReleasedAlready);
        }
        let sign_offs = match &run {
            Some(run) => self.sign_offs(run.run).await?,
            None => Vec::new(),
        };
        let (change_log, policy_diff) = match &run {
            Some(run) => self.draft_change_log(run, newest).await?,
            None => (String::new(), String::new()),
        };
        Ok(ReleaseView {
            policy: policy.to_owned(),
            revision: read.map(|(policy, _)| policy.revision),
            since: newest.map(|release| release.version.clone()),
            next_version: next_version(&releases),
            run,
            gates,
            report,
            problems,
            blocks,
            sign_offs,
            releases,
            change_log,
            policy_diff,
        })
    }

    /// Records the run of what lies on disk as a release. Refused, with the reasons, while
    /// anything stands in its way.
    pub async fn release(
        &self,
        policy: &str,
        version: &str,
        change_log: &str,
    ) -> Result<Release, Failure> {
        let version = checked("version", version, 64)?;
        let change_log = checked("change log", change_log, 1 << 20)?;
        let view = self.release_view(policy).await?;
        if view.releases.iter().any(|past| past.version == version) {
            return Err(Failure::input(format!(
                "{policy} has a release {version} already. Choose another version, such as {}.",
                view.next_version
            )));
        }
        let (Some(run), Some(report), []) = (&view.run, &view.report, &view.blocks[..]) else {
            return Err(refusal(policy, &view));
        };
        let release = store::Release {
            policy: policy.to_owned(),
            version,
            run: run.run,
            change_log,
            gates: report.results.clone(),
            released_at_ms: now_ms(),
        };
        self.store().add_release(&release).await?;
        self.shown_release(release).await
    }

    /// A policy's releases, newest first.
    pub async fn releases(&self, policy: &str) -> Result<Vec<Release>, Failure> {
        check_name(policy)?;
        let mut releases = Vec::new();
        for release in self.store().releases(policy).await? {
            releases.push(self.shown_release(release).await?);
        }
        Ok(releases)
    }

    /// Records that somebody vouches for a finished run.
    pub async fn sign_off(&self, request: SignOffRequest) -> Result<Vec<SignOff>, Failure> {
        let found = self.store().run(request.run).await?;
        if found.state != store::RunState::Finished {
            return Err(Failure::input(format!(
                "Run {} is not finished; only a finished run is signed off. Resume it first.",
                found.run.0
            )));
        }
        let key = request.key.filter(|key| !key.trim().is_empty());
        let new = store::SignOff {
            run: request.run,
            name: checked("name", &request.name, 200)?,
            role: checked("role", &request.role, 200)?,
            key: key.map(|key| checked("key", &key, 200)).transpose()?,
            statement: checked("statement", &request.statement, 4000)?,
            signed_at_ms: now_ms(),
        };
        self.store().add_sign_off(&new).await?;
        self.sign_offs(request.run).await
    }

    /// A run's sign-offs, oldest first.
    pub async fn sign_offs(&self, run: RunId) -> Result<Vec<SignOff>, Failure> {
        let found = self.store().sign_offs(run).await?;
        Ok(found
            .into_iter()
            .map(|sign_off| SignOff {
                name: sign_off.name,
                role: sign_off.role,
                key: sign_off.key,
                statement: sign_off.statement,
                signed_at_ms: sign_off.signed_at_ms,
            })
            .collect())
    }

    async fn shown_release(&self, release: store::Release) -> Result<Release, Failure> {
        let run = self.store().run(release.run).await?;
        Ok(Release {
            sign_offs: self.sign_offs(release.run).await?,
            policy: release.policy,
            version: release.version,
            run: release.run,
            revision: run.revision,
            change_log: release.change_log,
            gates: release.gates,
            released_at_ms: release.released_at_ms,
        })
    }

    /// The policy and its suite's name as they lie on disk, or what is wrong with them.
    fn read_for_release(&self, policy: &str) -> Result<(Option<OnDisk>, Vec<Problem>), Failure> {
        let path = policy_path(self.root(), policy);
        let file = shown(self.root(), &path);
        let bytes = files::read(&path)?.ok_or_else(|| {
            Failure::input(format!(
                "{file} does not exist. Save the policy, or choose another."
            ))
        })?;
        let suite = workspace::read_suite(self.root(), &suite_path(self.root(), policy))?;
        let mut problems: Vec<Problem> = suite
            .problems
            .into_iter()
            .filter(|problem| problem.severity == Severity::Error)
            .collect();
        match domain::policy::parse(&bytes) {
            Ok(read) => Ok((Some((read, suite_hash(&suite.cases))), problems)),
            Err(error) => {
                problems.push(Problem {
                    severity: Severity::Error,
                    file,
                    line: error.line,
                    message: error.message,
                });
                Ok((None, problems))
            }
        }
    }

    /// The newest finished run of what lies on disk, by the present model where it is known.
    async fn run_on_disk(
        &self,
        name: &str,
        policy: &Policy,
        suite: &str,
    ) -> Result<Option<RunSummary>, Failure> {
        let digest = self.model().digest();
        for run in self.runs(name).await? {
            let same = run.revision == policy.revision
                && run.settings.effort == policy.effort
                && run.state == crate::view::RunState::Finished
                && digest
                    .as_ref()
                    .is_none_or(|digest| *digest == run.model_digest);
            if same && self.store().run(run.run).await?.suite_hash == suite {
                return Ok(Some(run));
            }
        }
        Ok(None)
    }

    /// The change log's draft, and the text's difference, since the newest release.
    async fn draft_change_log(
        &self,
        run: &RunSummary,
        newest: Option<&Release>,
    ) -> Result<(String, String), Failure> {
        let now = self.restore(run.run).await?;
        let Some(newest) = newest.filter(|newest| newest.run != run.run) else {
            let text = match newest {
                // The very run that was released has no draft of another release.
                Some(newest) => newest.change_log.clone(),
                None => draft(None, &now, &run.metrics),
            };
            return Ok((text, String::new()));
        };
        let before = self.restore(newest.run).await?;
        let base = self.run_view(newest.run, None).await?.summary;
        let comparison = self.compare(newest.run, run.run).await?;
        let since = Since {
            version: &newest.version,
            file_text: &before,
            metrics: &base.metrics,
            flips: &comparison.flips,
            unchanged: comparison.unchanged,
            mcnemar_p: comparison.mcnemar_p,
        };
        let text = draft(Some(&since), &now, &run.metrics);
        Ok((text, comparison.policy_diff))
    }
}

/// A policy as it lies on disk, and the name of its suite's cases.
type OnDisk = (Policy, String);

/// What stands in the way, for people.
fn refusal(policy: &str, view: &ReleaseView) -> Failure {
    if view.blocks.contains(&Block::Problems) {
        return told(&view.problems);
    }
    let reasons: Vec<String> = view
        .blocks
        .iter()
        .map(|block| match block {
            Block::Problems => String::new(),
            Block::NotRun => format!(
                "The saved text of {policy} has no finished run over its suite. Run it first."
            ),
            Block::NoGates => format!(
                "{} sets no gate for {policy}. Add a [gates] table.",
                workspace::CONFIG
            ),
            Block::GatesNotMet => {
                let results = view.report.iter().flat_map(|report| &report.results);
                let missed: Vec<&str> = results
                    .filter(|result| result.state != domain::gate::GateState::Passed)
                    .map(|result| result.message.as_str())
                    .collect();
                format!("Not every gate is met: {}", missed.join(" "))
            }
            Block::ReleasedAlready => format!(
                "This very run of {policy} is release {} already.",
                view.since.as_deref().unwrap_or_default()
            ),
        })
        .collect();
    Failure::input(reasons.join(" "))
}

/// One more than the newest version where that ends in a number; else the count.
fn next_version(releases: &[Release]) -> String {
    let Some(newest) = releases.first() else {
        return "1".to_owned();
    };
    let head = newest
        .version
        .trim_end_matches(|c: char| c.is_ascii_digit());
    match newest.version[head.len()..].parse::<u64>() {
        Ok(number) if number < u64::MAX => format!("{head}{}", number + 1),
        _ => format!("{}", releases.len() + 1),
    }
}

fn checked(what: &str, text: &str, chars_max: usize) -> Result<String, Failure> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Failure::input(format!("The {what} is empty. Fill it in.")));
    }
    if text.chars().count() > chars_max {
        return Err(Failure::input(format!(
            "The {what} is longer than {chars_max} characters. Shorten it."
        )));
    }
    Ok(text.to_owned())
}
