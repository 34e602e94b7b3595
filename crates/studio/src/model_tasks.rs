//! What the Models screen asks for: a look at all models and at one, fetching, verifying and
//! measuring. The last three take long: one at a time, each with its progress, each to be
//! cancelled.

use crate::checkpoints::{self, Digest, Workload};
use crate::fetch::{self, Fetch, Patience};
use crate::judge::of_engine;
use crate::models;
use crate::studio::Studio;
use crate::view::{
    CheckpointView, Failure, FetchRequest, FetchedView, MachineView, ModelProgress, ModelsView,
    SpeedView, UnfinishedView, VerifiedView,
};
use engine::bench::Bench;
use engine::{Cancel, GenerateError, Machine, Placement};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const SUGGESTED: [&str; 2] = [
    "openai/gpt-oss-safeguard-20b",
    "openai/gpt-oss-safeguard-120b",
];
const TELL_EVERY: Duration = Duration::from_millis(200);

/// Short enough for a large model on a small machine.
const SPEED_REPEATS: u32 = 3;
const SPEED_PROMPT_TOKENS: u32 = 128;
const SPEED_REPLY_TOKENS: u32 = 16;

/// The long task under way, if any.
#[derive(Default)]
pub(crate) struct ModelTask {
    current: Mutex<Option<Cancel>>,
}

impl ModelTask {
    fn begin(&self) -> Result<Running<'_>, Failure> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.is_some() {
            return Err(Failure::input(
                "Another model is being fetched, verified or measured. Wait until that is done, \
                 or cancel it.",
            ));
        }
        let cancel = Cancel::default();
        *current = Some(cancel.clone());
        Ok(Running { task: self, cancel })
    }
}

struct Running<'a> {
    task: &'a ModelTask,
    cancel: Cancel,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // A caller that went away in the middle wants nothing more of it.
        self.cancel.cancel();
        *self
            .task
            .current
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Studio {
    /// What is installed, what is half fetched, and the machine that is to run it.
    pub fn models_view(&self) -> ModelsView {
        let machine = Machine::here();
        let folder = fetch::models_folder();
        ModelsView {
            machine: MachineView {
                cpu: machine.cpu,
                cores: machine.cores,
                instructions: machine.instructions,
                memory_total_bytes: machine.memory_total_bytes,
                memory_available_bytes: machine.memory_available_bytes,
            },
            folder_free_bytes: engine::free_bytes(&folder),
            folder: folder.to_string_lossy().into_owned(),
            endpoint: fetch::default_endpoint(),
            suggested: SUGGESTED.map(str::to_owned).to_vec(),
            installed: self.models(),
            unfinished: unfinished(),
        }
    }

    /// What a model is and whether it fits; its digest only where it is known already.
    pub async fn model_info(&self, id: &str) -> Result<CheckpointView, Failure> {
        let (root, given) = (self.root().to_owned(), id.to_owned());
        let numerics = of_engine(self.model().numerics());
        let work =
            move || checkpoints::info(&root, &given, numerics, Workload::default(), Digest::Skip);
        let mut view = blocking(work).await?;
        let loaded = self.models().into_iter().find(|model| model.id == view.id);
        view.digest = loaded.and_then(|model| model.digest);
        Ok(view)
    }

    /// Reads a model's files and compares them with what they should be.
    pub async fn verify_model(
        &self,
        id: &str,
        on_progress: impl Fn(ModelProgress) + Send + Sync + 'static,
    ) -> Result<VerifiedView, Failure> {
        let running = self.model_task().begin()?;
        let path = checkpoints::folder(self.root(), id)?;
        let cancel = running.cancel.clone();
        blocking(move || {
            let (started, mut told) = (Instant::now(), None::<Instant>);
            checkpoints::verify(&path, &cancel, &mut |done, total| {
                if done < total && told.is_some_and(|at| at.elapsed() < TELL_EVERY) {
                    return;
                }
                told = Some(Instant::now());
                let per_s = done as f64 / started.elapsed().as_secs_f64().max(1e-3);
                on_progress(progress(None, done, total, per_s as u64));
            })
        })
        .await
    }

    /// Fetches a model from a hub; returns when it is there, and whole.
    pub async fn fetch_model(
        &self,
        request: FetchRequest,
        on_progress: impl Fn(ModelProgress) + Send + Sync + 'static,
    ) -> Result<FetchedView, Failure> {
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let request = Fetch {
            repository: request.repository.trim().to_owned(),
            revision: given(request.revision).unwrap_or_else(|| "main".to_owned()),
            endpoint: given(request.endpoint),
            out: None,
            patience: Patience::default(),
        };
        self.fetch_as(request, on_progress).await
    }

    async fn fetch_as(
        &self,
        request: Fetch,
        on_progress: impl Fn(ModelProgress) + Send + Sync + 'static,
    ) -> Result<FetchedView, Failure> {
        let running = self.model_task().begin()?;
        let cancel = running.cancel.clone();
        let fetched = blocking(move || {
            fetch::fetch(&request, &cancel, &mut |step| {
                let (done, total) = (step.done_bytes, step.total_bytes);
                on_progress(progress(Some(step.file), done, total, step.bytes_per_s));
            })
        })
        .await?;
        let id = fetched.path.to_string_lossy().into_owned();
        Ok(FetchedView {
            id: models::find(self.root(), &id).map_or(id, |found| found.id),
            path: fetched.path.to_string_lossy().into_owned(),
            commit: fetched.commit,
            files: fetched.files,
            bytes: fetched.bytes,
            fetched_bytes: fetched.fetched_bytes,
        })
    }

    /// Measures a model while nothing else is judged: evaluations wait for it, and it for
    /// the one under way.
    pub async fn speed_test(&self, id: &str) -> Result<SpeedView, Failure> {
        let running = self.model_task().begin()?;
        let path = checkpoints::folder(self.root(), id)?;
        let (device, pebble) = (self.model().device(), checkpoints::pebble(self.root()));
        let _alone = self.turns().idle().await;
        let cancel = running.cancel.clone();
        let numerics = of_engine(self.model().numerics());
        blocking(move || {
            let failed = |error: GenerateError| match error {
                GenerateError::Cancelled => Failure::cancelled(),
                other => Failure::model(other.to_string()),
            };
            let placement = Placement {
                device,
                pebble: pebble.as_deref(),
                numerics,
                kept: None,
            };
            let bench = Bench::load(&path, placement);
            let bench = bench.map_err(|error| Failure::model(error.to_string()))?;
            let prefill = bench
                .prefill(SPEED_PROMPT_TOKENS, SPEED_REPEATS, &cancel)
                .map_err(failed)?;
            let decode = bench
                .decode(
                    1,
                    SPEED_PROMPT_TOKENS,
                    SPEED_REPLY_TOKENS,
                    SPEED_REPEATS,
                    &cancel,
                )
                .map_err(failed)?;
            Ok(SpeedView {
                model: prefill.model.name,
                threads: prefill.threads,
                repeats: SPEED_REPEATS,
                load_ms: prefill.model.load_ms,
                prompt_tokens: prefill.figures.tokens,
                prefill_tokens_per_s: prefill.figures.prefill_tokens_per_s.median,
                decode_tokens_per_s: decode.figures.decode_tokens_per_s.median,
            })
        })
        .await
    }

    /// Stops fetching, verifying or measuring. What was fetched so far is kept.
    pub fn cancel_model_task(&self) {
        let current = &self.model_task().current;
        let current = current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cancel) = &*current {
            cancel.cancel();
        }
    }
}

fn unfinished() -> Vec<UnfinishedView> {
    let found = models::unfinished().into_iter();
    found
        .map(|(path, note, came)| UnfinishedView {
            path: path.to_string_lossy().into_owned(),
            done_bytes: came.min(note.bytes),
            total_bytes: note.bytes,
            request: FetchRequest {
                repository: note.repository,
                revision: Some(note.revision),
                endpoint: note.endpoint,
            },
        })
        .collect()
}

fn progress(file: Option<String>, done: u64, total: u64, bytes_per_s: u64) -> ModelProgress {
    let left = total.saturating_sub(done) as f64;
    ModelProgress {
        file,
        done_bytes: done,
        total_bytes: total,
        bytes_per_s,
        left_ms: (bytes_per_s > 0).then(|| left / bytes_per_s as f64 * 1e3),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Failure::internal(format!("The work ended unexpectedly: {error}.")))?
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::Options;
    use crate::view::Code;
    use std::path::Path;
    use std::sync::Arc;

    async fn sample() -> (tempfile::TempDir, Studio) {
        let folder = tempfile::tempdir().unwrap();
        let pebble = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pebble");
        let models = folder.path().join("models/pebble-copy");
        std::fs::create_dir_all(&models).unwrap();
        for entry in std::fs::read_dir(pebble).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), models.join(entry.file_name())).unwrap();
        }
        let options = Options {
            model: Some(models.to_string_lossy().into_owned()),
            ..Options::default()
        };
        let studio = Studio::open(folder.path(), options).await.unwrap();
        (folder, studio)
    }

    #[tokio::test]
    async fn a_model_is_looked_at_verified_and_measured() {
        let (_folder, studio) = sample().await;
        let all = studio.models_view();
        let id = all
            .installed
            .iter()
            .find(|model| model.name == "pebble-copy")
            .unwrap()
            .id
            .clone();
        assert!(all.machine.memory_total_bytes > 0 && !all.folder.is_empty());
        let info = studio.model_info(&id).await.unwrap();
        assert_eq!(
            (info.layers, info.demonstration, info.memory.fits),
            (6, true, true)
        );
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = told.clone();
        std::fs::write(
            Path::new(&info.path).join("SHA256SUMS"),
            format!("{}  config.json\n", "0".repeat(64)),
        )
        .unwrap();
        let verified = studio
            .verify_model(&id, move |step| heard.lock().unwrap().push(step))
            .await
            .unwrap();
        assert_eq!(verified.faults.len(), 1);
        let last = told.lock().unwrap().last().cloned().unwrap();
        assert_eq!(
            (last.done_bytes, last.left_ms),
            (last.total_bytes, Some(0.0))
        );
        let speed = studio.speed_test(&id).await.unwrap();
        assert!(speed.prefill_tokens_per_s > 0.0 && speed.decode_tokens_per_s > 0.0);
        studio.close().await;
    }

    #[tokio::test]
    async fn one_long_task_at_a_time_and_it_can_be_cancelled() {
        let (_folder, studio) = sample().await;
        let id = studio.models_view().installed[0].id.clone();
        let held = studio.model_task().begin().unwrap();
        let refused = studio.speed_test(&id).await.unwrap_err();
        assert!(refused.message.contains("Another model"), "{refused}");
        studio.cancel_model_task();
        assert!(held.cancel.is_cancelled());
        drop(held);
        let other = studio.clone();
        let verifying = studio.verify_model(&id, move |_| other.cancel_model_task());
        // Pebble may be read whole before anyone hears of it.
        if let Err(failure) = verifying.await {
            assert_eq!(failure.code, Code::Cancelled);
        }
        assert!(studio.model_task().begin().is_ok());
        studio.close().await;
    }
}
