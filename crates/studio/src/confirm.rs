//! Whether the flips between two runs are real: pairs of seeded samples, one under each
//! revision, with both texts put into the same form (`domain::form`), until
//! `domain::certainty` decides. All flips that are still open share a pair's two texts.

use crate::compare::{Flipped, Table};
use crate::history::sides;
use crate::probe::{Prober, Said, Subject, said};
use crate::studio::{Studio, now_ms};
use crate::view::{ConfirmRequest, Confirmed, Failure, ProbeCounts, Probing, Tested};
use domain::certainty::{BATCH, Evidence, Pair, walk};
use domain::flip::Certainty;
use domain::form;
use domain::policy::Policy;
use domain::run::{Sampling, Settings};
use store::{Probe, Run};

/// As the model's makers recommend it, and as most serve it.
const TEMPERATURE: f64 = 1.0;
const TOP_P: f64 = 1.0;
/// More pairs than this settle nothing that matters.
const PAIRS_BOUND: u32 = 256;

/// A flip under test.
struct Open {
    subject: Subject,
    before: Said,
    after: Said,
    pairs: Vec<Pair>,
    found: Evidence,
}

impl Open {
    fn is_undecided(&self) -> bool {
        self.found.certainty == Certainty::Undecided
    }

    fn tested(&self) -> Tested {
        Tested {
            case: self.subject.case.id.clone(),
            evidence: self.found,
        }
    }
}

/// The two runs' policies and settings.
struct Both {
    policies: [Policy; 2],
    settings: [Settings; 2],
    keep_order: bool,
}

impl Studio {
    /// Tests flips from run `a` to run `b`, and remembers what was found, each as soon as it
    /// is decided. Waits behind evaluations; a new one, or `cancel`, ends it, and what was
    /// sampled is kept.
    pub async fn confirm(
        &self,
        request: ConfirmRequest,
        mut on_probe: impl FnMut(Probing) + Send,
    ) -> Result<Confirmed, Failure> {
        if !(1..=PAIRS_BOUND).contains(&request.pairs_max) {
            return Err(Failure::input(format!(
                "{} pairs of samples cannot be taken. Give 1 to {PAIRS_BOUND}; 32 settle nearly \
                 every flip.",
                request.pairs_max
            )));
        }
        let table = self.table(request.b, Some(request.a)).await?;
        let (a, b) = (
            self.store().run(request.a).await?,
            self.store().run(request.b).await?,
        );
        one_model(&a, &b)?;
        let mut open: Vec<Open> = wanted(&table, &request.cases)?
            .into_iter()
            .map(|(entry, before, now, _)| Open {
                subject: Subject::new(&entry.case, &entry.fingerprint, None),
                before: said(before),
                after: said(now),
                pairs: Vec::new(),
                found: walk([]),
            })
            .collect();
        let both = Both {
            policies: [self.policy_of(&a).await?, self.policy_of(&b).await?],
            settings: [a.settings.clone(), b.settings.clone()],
            keep_order: request.keep_order,
        };
        let mut counts = ProbeCounts::default();
        if both.differ_in_form_alone() {
            for flip in &mut open {
                flip.found = Evidence::of_form();
            }
        } else if !open.is_empty() {
            let mut prober = self.prober(&b, &mut on_probe).await?;
            prober.total = request.pairs_max * open.len() as u32;
            let mut done = 0;
            while done < request.pairs_max && open.iter().any(Open::is_undecided) {
                let next = (done + BATCH).min(request.pairs_max);
                for seed in done..next {
                    both.sample(&mut prober, u64::from(seed), &mut open).await?;
                }
                let mut decided = Vec::new();
                for flip in open.iter_mut().filter(|flip| flip.is_undecided()) {
                    flip.found = walk(flip.pairs.iter().copied());
                    if !flip.is_undecided() {
                        // The pairs that are no longer needed.
                        prober.done += request.pairs_max - next;
                        decided.push(&*flip);
                    }
                }
                self.keep(&a, &b, decided.iter().copied()).await?;
                let tested = decided.iter().map(|flip| flip.tested()).collect();
                prober.tell(tested);
                done = next;
            }
            counts = prober.counts;
        }
        self.keep(&a, &b, open.iter()).await?;
        let left = open.iter().filter(|flip| flip.is_undecided());
        let tested: Vec<Tested> = match both.differ_in_form_alone() {
            true => open.iter().map(Open::tested).collect(),
            false => left.map(Open::tested).collect(),
        };
        on_probe(Probing {
            effort: counts,
            done: 1,
            total: 1,
            tested,
        });
        let count = |certainty| {
            let found = open.iter().filter(|flip| flip.found.certainty == certainty);
            found.count() as u32
        };
        Ok(Confirmed {
            flips: open.len() as u32,
            real: count(Certainty::Real),
            noise: count(Certainty::Noise),
            undecided: count(Certainty::Undecided),
            effort: counts,
        })
    }

    /// Remembers what is not known yet.
    async fn keep(
        &self,
        a: &Run,
        b: &Run,
        flips: impl Iterator<Item = &Open>,
    ) -> Result<(), Failure> {
        let sides = sides(a, b);
        let known = self.store().confirmations(&sides).await?;
        let news: Vec<(String, Evidence)> = flips
            .map(|flip| (flip.subject.fingerprint.clone(), flip.found))
            .filter(|(fingerprint, found)| known.get(fingerprint) != Some(found))
            .collect();
        if news.is_empty() {
            return Ok(());
        }
        Ok(self
            .store()
            .add_confirmations(&sides, &news, now_ms())
            .await?)
    }
}

impl Both {
    fn differ_in_form_alone(&self) -> bool {
        let [before, after] = &self.policies;
        !self.keep_order && self.settings[0] == self.settings[1] && form::same(before, after)
    }

    /// One pair more for every flip that is open.
    async fn sample(
        &self,
        prober: &mut Prober<'_>,
        seed: u64,
        open: &mut [Open],
    ) -> Result<(), Failure> {
        let order = if self.keep_order { 0 } else { seed };
        let (before, after) = form::pair(&self.policies[0], &self.policies[1], order);
        let subjects: Vec<Subject> = open
            .iter()
            .filter(|flip| flip.is_undecided())
            .map(|flip| flip.subject.clone())
            .collect();
        let subjects: Vec<&Subject> = subjects.iter().collect();
        let mut sides: Vec<Vec<Probe>> = Vec::with_capacity(2);
        for (policy, settings) in [before, after].iter().zip(&self.settings) {
            let settings = Settings {
                sampling: Sampling::Seeded {
                    seed,
                    temperature: TEMPERATURE,
                    top_p: TOP_P,
                },
                ..settings.clone()
            };
            sides.push(prober.ask(policy, &settings, &subjects).await?);
        }
        let pairs = sides[0].iter().zip(&sides[1]);
        for (flip, (before, after)) in open
            .iter_mut()
            .filter(|flip| flip.is_undecided())
            .zip(pairs)
        {
            let is = |probe: &Probe, said: &Said| probe.verdict == said.0 && probe.label == said.1;
            flip.pairs.push(Pair {
                before_same: is(before, &flip.before),
                after_same: is(after, &flip.after),
            });
            prober.done += 1;
        }
        prober.tell(Vec::new());
        Ok(())
    }
}

/// The flips that are asked about: all of them where no case is named.
pub(crate) fn wanted<'t>(table: &'t Table, cases: &[String]) -> Result<Vec<Flipped<'t>>, Failure> {
    let mut flips: Vec<Flipped<'t>> = table.flipped().collect();
    if cases.is_empty() {
        return Ok(flips);
    }
    let has = |id: &String| flips.iter().any(|(entry, ..)| entry.case.id == *id);
    if let Some(stays) = cases.iter().find(|id| !has(id)) {
        let before = table.base.as_ref().map_or(0, |base| base.summary.run.0);
        return Err(Failure::input(format!(
            "{stays} did not flip from run {before} to run {}. Name a case that did.",
            table.run.run.0
        )));
    }
    flips.retain(|(entry, ..)| cases.contains(&entry.case.id));
    Ok(flips)
}

pub(crate) fn one_model(a: &Run, b: &Run) -> Result<(), Failure> {
    let numerics = [a.settings.numerics, b.settings.numerics];
    if a.model.digest == b.model.digest && numerics[0] == numerics[1] {
        return Ok(());
    }
    if numerics[0] != numerics[1] {
        return Err(Failure::input(format!(
            "Runs {} and {} were judged with other numerics ({} and {}), so that the edit is \
             not the only difference. Compare runs of the same.",
            a.run.0,
            b.run.0,
            numerics[0].name(),
            numerics[1].name()
        )));
    }
    Err(Failure::input(format!(
        "Runs {} and {} were judged by different models ({} and {}), so that the edit is not \
         the only difference. Compare runs by one model.",
        a.run.0, b.run.0, a.model.name, b.model.name
    )))
}
