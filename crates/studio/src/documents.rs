//! Policies and suites as documents: opened, analysed while they are typed, saved only
//! over the bytes that were read.

use crate::files;
use crate::studio::Studio;
use crate::view::{
    Failure, PolicyAnalysis, PolicyDocument, Problem, RunSummary, RunView, SaveResult, Severity,
    SuiteEdit, SuiteSaved, SuiteView,
};
use crate::workspace::{self, Suite, check_name, policy_path, shown, suite_path};
use domain::policy::{Effort, clauses, format, lint, parse};
use domain::run::RunId;
use domain::{case, diff};
use store::suite_hash;

impl Studio {
    pub async fn open_policy(&self, name: &str) -> Result<PolicyDocument, Failure> {
        check_name(name)?;
        let path = policy_path(self.root(), name);
        let file = shown(self.root(), &path);
        let bytes = files::read(&path)?.ok_or_else(|| {
            Failure::input(format!(
                "{file} does not exist. Create it, or open another policy."
            ))
        })?;
        let file_hash = files::hash(&bytes);
        let text = String::from_utf8(bytes).map_err(|error| not_utf8(&file, error.as_bytes()))?;
        let runs = self.runs(name).await?;
        let baseline = runs.iter().find(|run| run.is_baseline).map(|run| run.run);
        let suite = self.read_suite(name)?;
        let analysis = self.analyze(name, &text, baseline).await?;
        let current = self.current(&runs, &analysis, &suite).await?;
        Ok(PolicyDocument {
            name: name.to_owned(),
            file_hash,
            analysis,
            suite: suite_view(self, name, suite),
            runs,
            baseline,
            current,
            text,
        })
    }

    /// Writes a new policy with a short template under this title, and opens it.
    pub async fn create_policy(&self, name: &str, title: &str) -> Result<PolicyDocument, Failure> {
        check_name(name)?;
        let path = policy_path(self.root(), name);
        let folder = self.root().join(workspace::POLICIES);
        std::fs::create_dir_all(&folder)
            .map_err(|error| Failure::file(&folder, "created", &error))?;
        if self
            .replace(&path, template(name, title).as_bytes(), "")?
            .is_err()
        {
            return Err(Failure::input(format!(
                "{} exists already. Choose another name.",
                shown(self.root(), &path)
            )));
        }
        self.open_policy(name).await
    }

    /// What a policy's text says, without running anything.
    pub async fn analyze(
        &self,
        name: &str,
        text: &str,
        baseline: Option<RunId>,
    ) -> Result<PolicyAnalysis, Failure> {
        check_name(name)?;
        let file = shown(self.root(), &policy_path(self.root(), name));
        let problem = |severity, line, message| Problem {
            severity,
            file: file.clone(),
            line,
            message,
        };
        let mut analysis = PolicyAnalysis {
            revision: None,
            title: name.to_owned(),
            output: None,
            effort: Effort::default(),
            clauses: clauses(text),
            changed_lines: Vec::new(),
            problems: Vec::new(),
        };
        match parse(text.as_bytes()) {
            Ok(policy) => {
                analysis.revision = Some(policy.revision);
                analysis.title = policy.title;
                analysis.output = Some(policy.output);
                analysis.effort = policy.effort;
                analysis.clauses = policy.clauses;
                let warnings = lint(text)
                    .into_iter()
                    .map(|(line, message)| problem(Severity::Warning, Some(line), message));
                analysis.problems.extend(warnings);
            }
            Err(error) => {
                let error = problem(Severity::Error, error.line, error.message);
                analysis.problems.push(error);
            }
        }
        if let Some(base) = self.baseline_of(name, baseline).await? {
            let before = self.restore(base).await?;
            analysis.changed_lines = diff::changed_lines(&before, text);
        }
        Ok(analysis)
    }

    /// Saves a policy in its canonical form, unless the file on disk is no longer the one
    /// that was read. A text that cannot be read as a policy is saved as it is.
    pub async fn save_policy(
        &self,
        name: &str,
        text: &str,
        base_hash: &str,
    ) -> Result<SaveResult, Failure> {
        check_name(name)?;
        let path = policy_path(self.root(), name);
        let text = format(text.as_bytes()).unwrap_or_else(|_| text.to_owned());
        Ok(match self.replace(&path, text.as_bytes(), base_hash)? {
            Ok(file_hash) => SaveResult::Saved { file_hash, text },
            Err(disk) => SaveResult::Conflict {
                disk_hash: if path.exists() {
                    files::hash(&disk)
                } else {
                    String::new()
                },
                disk_text: String::from_utf8_lossy(&disk).into_owned(),
            },
        })
    }

    /// A policy's own suite.
    pub async fn suite(&self, name: &str) -> Result<SuiteView, Failure> {
        check_name(name)?;
        Ok(suite_view(self, name, self.read_suite(name)?))
    }

    /// Adds, replaces or removes one case's line and leaves every other byte as it was.
    pub async fn edit_suite(
        &self,
        name: &str,
        base_hash: &str,
        edit: SuiteEdit,
    ) -> Result<SuiteSaved, Failure> {
        check_name(name)?;
        let path = suite_path(self.root(), name);
        let before = self.read_suite(name)?;
        if before.hash != base_hash {
            return Ok(SuiteSaved {
                saved: false,
                suite: suite_view(self, name, before),
            });
        }
        let file = shown(self.root(), &path);
        check_edit(&file, &before, &edit)?;
        let text =
            std::str::from_utf8(&before.bytes).map_err(|_| not_utf8(&file, &before.bytes))?;
        let edited = match &edit {
            SuiteEdit::Add { case, before } => case::add_to_suite(text, case, before.as_deref()),
            SuiteEdit::Replace { id, case } => case::edit_suite(text, Some(id), Some(case)),
            SuiteEdit::Remove { id } => case::edit_suite(text, Some(id), None),
        };
        let edited = edited.map_err(|message| Failure::input(format!("{file}: {message}")))?;
        let folder = self.root().join(workspace::FIXTURES);
        std::fs::create_dir_all(&folder)
            .map_err(|error| Failure::file(&folder, "created", &error))?;
        let saved = self.replace(&path, edited.as_bytes(), base_hash)?.is_ok();
        Ok(SuiteSaved {
            saved,
            suite: suite_view(self, name, self.read_suite(name)?),
        })
    }

    fn read_suite(&self, name: &str) -> Result<Suite, Failure> {
        workspace::read_suite(self.root(), &suite_path(self.root(), name))
    }

    /// The newest run of this very text and suite, at the policy's own effort and by the
    /// present model where that is known.
    async fn current(
        &self,
        runs: &[RunSummary],
        analysis: &PolicyAnalysis,
        suite: &Suite,
    ) -> Result<Option<RunView>, Failure> {
        let digest = self.model().digest();
        let suite_hash = suite_hash(&suite.cases);
        for run in runs {
            if Some(&run.revision) != analysis.revision.as_ref()
                || run.settings.effort != analysis.effort
                || digest
                    .as_ref()
                    .is_some_and(|digest| *digest != run.model_digest)
            {
                continue;
            }
            let stored = self.store().run(run.run).await?;
            if stored.suite_hash == suite_hash {
                return Ok(Some(self.run_view(run.run, None).await?));
            }
        }
        Ok(None)
    }

    /// As `baseline`, for a policy whose model may not be loaded yet: then that of its
    /// newest run stands in.
    async fn baseline_of(
        &self,
        name: &str,
        asked: Option<RunId>,
    ) -> Result<Option<RunId>, Failure> {
        if asked.is_some() {
            return Ok(asked);
        }
        let newest = self.store().runs(name, 1).await?;
        match newest.first() {
            Some(run) => self.baseline(name, None, &run.model.digest).await,
            None => Ok(None),
        }
    }
}

/// What `domain::case::edit_suite` cannot see: an id that another case has.
fn check_edit(file: &str, suite: &Suite, edit: &SuiteEdit) -> Result<(), Failure> {
    let (case, replaced) = match edit {
        SuiteEdit::Add { case, .. } => (case, None),
        SuiteEdit::Replace { id, case } => (case, Some(id)),
        SuiteEdit::Remove { .. } => return Ok(()),
    };
    if case.id.trim().is_empty() {
        return Err(Failure::input("A case needs an id. Give it one."));
    }
    let taken = suite.cases.iter().any(|other| other.id == case.id);
    if taken && replaced != Some(&case.id) {
        return Err(Failure::input(format!(
            "{file} has a case {} already. Choose another id.",
            case.id
        )));
    }
    Ok(())
}

fn suite_view(studio: &Studio, name: &str, suite: Suite) -> SuiteView {
    SuiteView {
        file: shown(studio.root(), &suite_path(studio.root(), name)),
        file_hash: suite.hash,
        cases: suite.cases,
        problems: suite.problems,
    }
}

pub(crate) fn not_utf8(file: &str, bytes: &[u8]) -> Failure {
    let valid = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
    let line = 1 + bytes[..valid].iter().filter(|byte| **byte == b'\n').count();
    Failure::input(format!(
        "{file}, line {line}: not UTF-8. Save the file as UTF-8 and open it again."
    ))
}

fn template(name: &str, title: &str) -> String {
    let title = if title.trim().is_empty() {
        name
    } else {
        title.trim()
    };
    let quoted = serde_json::Value::from(title).to_string();
    format!(
        "---\nid: {}\ntitle: {quoted}\noutput: label\nlabels:\n  VIOLATES: violates\n  SAFE: safe\n\
         effort: low\n---\n# {title}\n\n## Instruction\n\nDecide whether the content breaks this \
         policy. Answer VIOLATES or SAFE.\n\n## Violates\n\n- **V1** Content that …\n\n## Safe\n\n\
         - **S1** Content that …\n",
        serde_json::Value::from(name)
    )
}
