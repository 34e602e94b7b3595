//! `touchstone model`: look at, fetch, check and make models.

use crate::args::{FetchArgs, InfoArgs, LikeArg, ModelCommand, SynthArgs, VerifyArgs};
use crate::{Ending, history, input, json, place, progress};
use engine::{Cancel, Like, Synth, gib};
use serde::Serialize;
use std::path::Path;
use studio::checkpoints::{self, Digest, GpusView, Workload};
use studio::fetch::{Fetch, Patience};
use studio::view::{CheckpointView, Failure, VerifiedView};

pub async fn model(command: ModelCommand) -> Result<Ending, Failure> {
    match command {
        ModelCommand::List(args) => history::models(args).await?,
        ModelCommand::Info(args) => info(&args)?,
        ModelCommand::Synth(args) => synth(args).await?,
        ModelCommand::Verify(args) => return verify(args).await,
        ModelCommand::Fetch(args) => fetch(args).await?,
    }
    Ok(Ending::Success)
}

fn info(args: &InfoArgs) -> Result<(), Failure> {
    let workload = Workload {
        policy_tokens: args.policy_tokens,
        cases: args.cases,
        case_tokens: args.case_tokens,
    };
    let digest = match args.digest {
        true => Digest::Compute,
        false => Digest::Skip,
    };
    let root = place::root_or_here(&args.place)?;
    let view = checkpoints::info(&root, &args.model, args.numerics.into(), workload, digest)?;
    let gpus = checkpoints::gpus(Path::new(&view.path));
    if args.place.json {
        println!("{}", json::line(&Info { view, gpus }));
    } else {
        print!("{}{}", described(&view), on_gpus(&gpus));
    }
    Ok(())
}

#[derive(Serialize)]
struct Info {
    #[serde(flatten)]
    view: CheckpointView,
    #[serde(flatten)]
    gpus: GpusView,
}

/// What `--device cuda` would find.
fn on_gpus(found: &GpusView) -> String {
    let mut out = "\nGPUs (--device cuda, experimental)\n".to_owned();
    if let Some(why) = &found.problem {
        out += &format!("  None: {why}. The processor computes.\n");
    }
    for gpu in &found.gpus {
        let fits = match (&gpu.refusal, gpu.needed_bytes) {
            (Some(why), _) => format!("it does not fit: {why}"),
            (None, needed) => format!(
                "it fits: {} for {} of {} tokens over a policy of {}",
                gib(needed.unwrap_or_default()),
                plural(gpu.cases, "case"),
                gpu.case_tokens,
                gpu.policy_tokens
            ),
        };
        let (name, architecture) = (&gpu.name, &gpu.architecture);
        out += &format!(
            "  {name}, {architecture}, {}: {fits}\n",
            gib(gpu.memory_bytes)
        );
    }
    out
}

fn described(view: &CheckpointView) -> String {
    let mut out = format!("{}\n", view.name);
    if view.demonstration {
        out += "  a demonstration model; its verdicts are no judgements\n";
    }
    let mut line = |name: &str, value: String| out += &format!("  {name:<14} {value}\n");
    line("folder", view.path.clone());
    let window = view
        .window_tokens
        .map_or_else(String::new, |window| format!(", window {window}"));
    line(
        "architecture",
        format!(
            "{}, {}{window}",
            view.architecture,
            plural(view.layers, "layer")
        ),
    );
    line(
        "widths",
        format!(
            "hidden {}, experts {}, {} query and {} key-value heads of {}",
            view.hidden, view.intermediate, view.heads, view.kv_heads, view.head_dim
        ),
    );
    line(
        "experts",
        format!("{}, {} for each token", view.experts, view.experts_active),
    );
    line("vocabulary", format!("{} tokens", view.vocab));
    line("context", format!("{} tokens", view.context_tokens));
    line(
        "parameters",
        format!(
            "{}, {} active",
            count(view.parameters),
            count(view.parameters_active)
        ),
    );
    let formats: Vec<String> = view
        .formats
        .iter()
        .map(|format| format!("{} {}", format.format, gib(format.bytes)))
        .collect();
    line("weights", formats.join(", "));
    line(
        "on disk",
        format!(
            "{}, {} of weights",
            gib(view.disk_bytes),
            plural(view.weight_files, "file")
        ),
    );
    if !view.tokenizer {
        line("tokenizer", "missing: no text can be read".to_owned());
    }
    line(
        "licence",
        view.licence
            .clone()
            .unwrap_or_else(|| "not stated".to_owned()),
    );
    if let Some(card) = &view.card {
        line("card", card.clone());
    }
    line(
        "digest",
        view.digest
            .clone()
            .unwrap_or_else(|| "not computed (--digest)".to_owned()),
    );
    out + &memory(view)
}

fn memory(view: &CheckpointView) -> String {
    let memory = &view.memory;
    let mut out = format!(
        "\nMemory for a policy of {} tokens and {} of {} tokens at once\n",
        memory.policy_tokens,
        plural(memory.cases, "case"),
        memory.case_tokens
    );
    for (name, bytes) in [
        ("weights", memory.weights_bytes),
        ("vocabulary", memory.vocabulary_bytes),
        ("KV, policy", memory.kv_policy_bytes),
        ("KV, cases", memory.kv_cases_bytes),
        ("activations", memory.activations_bytes),
        ("in all", memory.total_bytes),
        ("available", memory.available_bytes),
        ("machine", memory.machine_bytes),
    ] {
        out += &format!("  {name:<14} {:>10}\n", gib(bytes));
    }
    match (&memory.refusal, memory.cases_max) {
        (None, most) => out += &format!("  It fits; {} at once would.\n", plural(most, "case")),
        (Some(why), 0) => out += &format!("  It does not fit. {why}\n"),
        (Some(why), most) => {
            out += &format!(
                "  It does not fit with so much at once; {} would. {why}\n",
                plural(most, "case")
            );
        }
    }
    out
}

#[derive(Serialize)]
struct Made<'a> {
    path: &'a Path,
    files: u32,
    tensors: u32,
    layers: u32,
    parameters: u64,
    weights_bytes: u64,
    seed: u64,
    wall_ms: f64,
}

async fn synth(args: SynthArgs) -> Result<(), Failure> {
    let request = Synth {
        like: match args.like {
            LikeArg::GptOss20b => Like::GptOss20b,
            LikeArg::GptOss120b => Like::GptOss120b,
            LikeArg::Pebble => Like::Pebble,
        },
        layers: args.layers,
        seed: args.seed,
        out: args.out,
    };
    let started = std::time::Instant::now();
    let asked = request.clone();
    let made = until_interrupted("written", move |cancel, on_progress| {
        checkpoints::synth(&asked, cancel, on_progress)
    })
    .await?;
    let wall_ms = started.elapsed().as_secs_f64() * 1e3;
    if args.json {
        let made = Made {
            path: &request.out,
            files: made.files,
            tensors: made.tensors,
            layers: made.layers,
            parameters: made.parameters,
            weights_bytes: made.bytes,
            seed: request.seed,
            wall_ms,
        };
        println!("{}", json::line(&made));
        return Ok(());
    }
    println!(
        "{}: {} of random weights, {} parameters, {}, {} in {}; {:.0} s.",
        request.out.display(),
        gib(made.bytes),
        count(made.parameters),
        plural(made.layers, "layer"),
        plural(made.tensors, "tensor"),
        plural(made.files, "file"),
        wall_ms / 1e3
    );
    Ok(())
}

async fn verify(args: VerifyArgs) -> Result<Ending, Failure> {
    let root = place::root_or_here(&args.place)?;
    let path = checkpoints::folder(&root, &args.model)?;
    let view = until_interrupted("read", move |cancel, on_progress| {
        checkpoints::verify(&path, cancel, on_progress)
    })
    .await?;
    if args.place.json {
        println!("{}", json::line(&view));
    } else {
        print!("{}", verified(&view));
    }
    Ok(match view.faults.is_empty() {
        true => Ending::Success,
        false => Ending::NotMet,
    })
}

#[derive(Serialize)]
struct Arrived<'a> {
    path: &'a Path,
    repository: &'a str,
    commit: &'a str,
    files: u32,
    bytes: u64,
    fetched_bytes: u64,
    wall_ms: f64,
}

async fn fetch(args: FetchArgs) -> Result<(), Failure> {
    let request = Fetch {
        repository: args.repository,
        revision: args.revision,
        endpoint: args.endpoint,
        out: args.out,
        patience: Patience::default(),
    };
    let started = std::time::Instant::now();
    let asked = request.clone();
    let fetched = until_interrupted("fetched", move |cancel, on_progress| {
        // What is told on this thread is shown on this thread.
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let working = scope.spawn(|| {
                let tell = tell;
                studio::fetch::fetch(&asked, cancel, &mut |step| {
                    let _ = tell.send((step.done_bytes, step.total_bytes));
                })
            });
            for (done, total) in told {
                on_progress(done, total);
            }
            working
                .join()
                .unwrap_or_else(|_| Err(input("Fetching ended unexpectedly.")))
        })
    })
    .await?;
    if args.json {
        println!(
            "{}",
            json::line(&Arrived {
                path: &fetched.path,
                repository: &request.repository,
                commit: &fetched.commit,
                files: fetched.files,
                bytes: fetched.bytes,
                fetched_bytes: fetched.fetched_bytes,
                wall_ms: started.elapsed().as_secs_f64() * 1e3,
            })
        );
        return Ok(());
    }
    println!(
        "{}: {} in {}, each as its checksum says; {} came over the network. Judge with \
         --model {}",
        fetched.path.display(),
        gib(fetched.bytes),
        plural(fetched.files, "file"),
        gib(fetched.fetched_bytes),
        fetched.path.display()
    );
    Ok(())
}

fn verified(view: &VerifiedView) -> String {
    let mut out = String::new();
    for fault in &view.faults {
        let tensor = fault
            .tensor
            .as_ref()
            .map_or_else(String::new, |tensor| format!("tensor {tensor}: "));
        out += &format!("{}: {tensor}{}\n", fault.file, fault.message);
    }
    let digests = match view.compared {
        0 => "no digests lie beside them to compare with".to_owned(),
        n => format!("{} compared with digests", plural(n, "file")),
    };
    let summary = match view.faults.len() {
        0 => "sound".to_owned(),
        n => plural(n as u32, "fault"),
    };
    out + &format!(
        "{}: {summary}; {} in {} of weights, {digests}.\n",
        view.path,
        plural(view.tensors, "tensor"),
        plural(view.files, "file")
    )
}

/// Runs blocking work with a line of progress; Ctrl-C cancels it in good order.
pub async fn until_interrupted<T: Send + 'static>(
    verb: &'static str,
    work: impl FnOnce(&Cancel, &mut dyn FnMut(u64, u64)) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let cancel = Cancel::default();
    let flag = cancel.clone();
    let mut working = tokio::task::spawn_blocking(move || {
        let mut line = progress::Bytes::new(verb);
        let result = work(&flag, &mut |done, total| line.show(done, total));
        line.clear();
        result
    });
    let ended = tokio::select! {
        ended = &mut working => ended,
        _ = tokio::signal::ctrl_c() => {
            cancel.cancel();
            working.await
        }
    };
    ended.map_err(|error| input(format!("The work ended unexpectedly: {error}.")))?
}

fn plural(n: u32, word: &str) -> String {
    match n {
        1 => format!("1 {word}"),
        n => format!("{n} {word}s"),
    }
}

/// Parameters as people say them.
fn count(n: u64) -> String {
    match n {
        0..1_000_000 => format!("{:.0} thousand", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2} million", n as f64 / 1e6),
        _ => format!("{:.1} billion", n as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(1_950_000), "1.95 million");
        assert_eq!(count(20_914_757_184), "20.9 billion");
        assert_eq!(
            (plural(1, "file"), plural(3, "file")),
            ("1 file".to_owned(), "3 files".to_owned())
        );
    }
}
