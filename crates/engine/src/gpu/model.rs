//! gpt-oss on a device: the weights as published, experts packed, and the launches of a step.
//! Embeddings stay on the host, where a row of them is read for each token.
//!
//! Axes: N rows of a step, H hidden, I expert width, E experts, A = N × top_k, V vocabulary.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::batch::{self, Attention, Words};
use super::device::{Buffer, Device, Fault, launch};
use super::kernels::{self, Kernel, MANY, OUTS, PAGE, TILE};
use super::layer::{Dense, Layer, Upload};
use super::pages::{Keep, Kind, Kv, Pools, wide};
use super::plan::Plan;
use super::scratch::{Planes, Scratch, attended, expert_tiles};
use crate::attention::{Angles, Rotary, Row};
use crate::config::Config;
use crate::linear::BLOCK;
use crate::weights::{Values, Weights};
use crate::{GenerateError, LoadError};

pub(crate) struct Model {
    device: Arc<dyn Device>,
    pub(crate) config: Config,
    /// [V, H], on the host.
    embedding: Values,
    layers: Vec<Layer>,
    norm: Buffer,
    head: Dense,
    rotary: Rotary,
    pools: Arc<Pools>,
    plan: Plan,
    scratch: Mutex<Scratch>,
}

/// Tokens that a step adds to one sequence.
pub(crate) struct Part<'a> {
    pub kv: &'a mut Kv,
    pub tokens: &'a [u32],
    /// After how many of the last tokens the logits are wanted.
    pub logits: usize,
}

/// A step's rows, and where in the uploaded words each thing about them lies.
struct Step {
    rows: Vec<Row>,
    positions: u64,
    cos: u64,
    sin: u64,
    pages: usize,
    kinds: [Option<Described>; 2],
}

struct Described {
    work: Attention,
    places: u64,
    tables: u64,
    tiles: u64,
    members: u64,
    base: u64,
}

impl Model {
    pub(crate) fn load(
        device: Arc<dyn Device>,
        config: Config,
        weights: &Weights,
        plan: Plan,
    ) -> Result<Model, LoadError> {
        let c = &config;
        let embedding = weights.matrix("model.embed_tokens.weight", [c.vocab, c.hidden])?;
        let head = match (c.tied_embeddings, weights.has("lm_head.weight")) {
            (true, false) => "model.embed_tokens",
            _ => "lm_head",
        };
        let upload = Upload {
            device: &device,
            weights,
        };
        let head = upload.dense(&[(head, c.vocab)], c.hidden, false)?;
        let layers = (0..c.windows.len()).map(|i| Layer::load(&upload, c, i));
        let fail = |fault: Fault| LoadError(fault.0);
        Ok(Model {
            embedding,
            layers: layers.collect::<Result<_, _>>()?,
            norm: upload.values("model.norm.weight", &[c.hidden])?,
            head,
            rotary: Rotary::new(&c.rope, c.head_dim),
            pools: Arc::new(Pools::new(&device, c, plan.pages).map_err(fail)?),
            scratch: Mutex::new(Scratch::new(&device, c, &plan).map_err(fail)?),
            plan,
            device,
            config,
        })
    }

    pub(crate) fn sequence(&self, keep: Keep) -> Kv {
        Kv::new(&self.pools, keep)
    }

    #[cfg(all(test, target_os = "linux"))]
    pub(crate) fn free_pages(&self, kind: Kind) -> usize {
        self.pools.pool(kind).free_pages()
    }

    /// Pages for keys and values that are left, of each kind of layer.
    pub(crate) fn pages_left(&self) -> [usize; 2] {
        self.pools.free_pages()
    }

    /// As in a run's model.
    pub(crate) fn device(&self) -> &str {
        self.device.name()
    }

    /// Rows of a step at most.
    pub(crate) fn rows_max(&self) -> usize {
        self.plan.rows
    }

    /// Appends each part's tokens to its sequence, which follows `shared`. Gives up between
    /// layers when `stop` says so; the sequences are then as before.
    pub(crate) fn forward(
        &self,
        shared: Option<&Kv>,
        parts: &mut [Part<'_>],
        stop: &dyn Fn() -> bool,
    ) -> Result<Answers<'_>, GenerateError> {
        let scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let rows: usize = parts.iter().map(|part| part.tokens.len()).sum();
        let asked: usize = parts.iter().map(|part| part.logits).sum();
        if rows > self.plan.rows || asked > self.plan.asked {
            return Err(GenerateError::Internal(format!(
                "a step of {rows} rows, {asked} of which ask, is too large: {} and {} were \
                 planned",
                self.plan.rows, self.plan.asked
            )));
        }
        for part in parts.iter_mut() {
            part.kv.grow(shared, part.tokens.len())?;
        }
        let (step, pick) = self.describe(&scratch, shared, parts)?;
        self.embed(&scratch, parts)?;
        let mut counted = [0, 0];
        for (i, layer) in self.layers.iter().enumerate() {
            if stop() {
                return Err(GenerateError::Cancelled);
            }
            let kind = match self.config.windows[i] {
                None => Kind::Full,
                Some(_) => Kind::Sliding,
            };
            self.layer(&scratch, &step, layer, (i, kind, counted[kind as usize]))?;
            counted[kind as usize] += 1;
        }
        for part in parts.iter_mut() {
            part.kv.extend(part.tokens.len());
        }
        self.choose(&scratch, pick, asked)?;
        Ok(Answers {
            scratch,
            asked,
            vocab: self.config.vocab,
        })
    }

    /// Uploads what the kernels must know of the rows.
    fn describe(
        &self,
        scratch: &Scratch,
        shared: Option<&Kv>,
        parts: &[Part<'_>],
    ) -> Result<(Step, u64), GenerateError> {
        let c = &self.config;
        let before = shared.map_or(0, Kv::len);
        let (mut rows, mut wanted) = (Vec::new(), Vec::new());
        for (sequence, part) in parts.iter().enumerate() {
            let start = before + part.kv.len();
            rows.extend((0..part.tokens.len()).map(|i| Row {
                sequence,
                position: start + i,
            }));
            let end = rows.len() as u32;
            wanted.extend(end - part.logits as u32..end);
        }
        let mut words = Words::default();
        let angles: Vec<Angles> = rows
            .iter()
            .map(|row| self.rotary.angles(row.position))
            .collect();
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        let cos = words.push(angles.iter().flat_map(|a| bits(&a.cos)));
        let sin = words.push(angles.iter().flat_map(|a| bits(&a.sin)));
        let positions = words.push(rows.iter().map(|row| row.position as u32));
        let pick = words.push(wanted);
        let pages = rows.iter().map(|row| row.position / PAGE + 1).max();
        let pages = pages.unwrap_or(0);
        let sequences: Vec<&Kv> = parts.iter().map(|part| &*part.kv).collect();
        let mut kinds = [None, None];
        for kind in [Kind::Full, Kind::Sliding] {
            // All sliding layers have one window.
            let window = match kind {
                Kind::Full => None,
                Kind::Sliding => c.windows.iter().flatten().next().copied(),
            };
            if kind == Kind::Sliding && window.is_none() {
                continue;
            }
            let table = batch::tables(&rows, kind, window, shared, &sequences, pages)?;
            let groups = c.heads / c.kv_heads;
            let work = batch::attention(&rows, window, groups, before, self.plan.partials);
            kinds[kind as usize] = Some(Described {
                places: words.push(batch::places(&rows, &table, pages)),
                tables: words.push(table),
                tiles: words.push(work.tiles.iter().flatten().copied()),
                members: words.push(work.members.iter().copied()),
                base: words.push(work.base.iter().copied()),
                work,
            });
        }
        let bytes: Vec<u8> = words.0.iter().flat_map(|word| word.to_le_bytes()).collect();
        if bytes.len() > 4 * self.plan.words {
            return Err(GenerateError::Internal(format!(
                "a step needs {} bytes of tables, {} were planned",
                bytes.len(),
                4 * self.plan.words
            )));
        }
        scratch.words.write(0, &bytes)?;
        let at = |offset: u64| scratch.words.address() + offset;
        for described in kinds.iter_mut().flatten() {
            for place in [
                &mut described.places,
                &mut described.tables,
                &mut described.tiles,
                &mut described.members,
                &mut described.base,
            ] {
                *place = at(*place);
            }
        }
        let step = Step {
            rows,
            positions: at(positions),
            cos: at(cos),
            sin: at(sin),
            pages,
            kinds,
        };
        Ok((step, at(pick)))
    }

    /// Uploads the tokens' embeddings.
    fn embed(&self, scratch: &Scratch, parts: &[Part<'_>]) -> Result<(), GenerateError> {
        let width = self.config.hidden;
        let (mut bytes, mut row) = (Vec::new(), vec![0.0; width]);
        for &token in parts.iter().flat_map(|part| part.tokens) {
            self.embedding.read(token as usize * width, &mut row);
            bytes.extend(row.iter().flat_map(|v| v.to_le_bytes()));
        }
        scratch.x.write(0, &bytes)?;
        Ok(())
    }

    /// One layer: its place among all, its kind, its place among its kind.
    fn layer(
        &self,
        s: &Scratch,
        step: &Step,
        layer: &Layer,
        (index, kind, of_kind): (usize, Kind, usize),
    ) -> Result<(), Fault> {
        let c = &self.config;
        let n = step.rows.len();
        // What the experts of the layer before found is added here.
        let before = match index {
            0 => 0,
            _ => s.down.address(),
        };
        self.norm(s, &layer.input_norm, before, 0, n)?;
        self.dense(&layer.qkv, &s.normed, s.qkv.address(), n, false)?;
        self.attend(s, step, layer, kind, of_kind)?;
        self.dense(&layer.o, &s.attended, s.x.address(), n, true)?;
        self.norm(s, &layer.post_norm, 0, 0, n)?;
        self.dense(&layer.router, &s.normed, s.router.address(), n, false)?;
        let device = &*self.device;
        let route = kernels::Route {
            logits: s.router.address(),
            chosen: s.chosen.address(),
            share: s.share.address(),
            experts: c.experts as u32,
            top_k: c.top_k as u32,
        };
        let tiles = expert_tiles(c, n);
        let group = kernels::Group {
            chosen: s.chosen.address(),
            lists: s.lists.address(),
            tiles: s.tiles.address(),
            experts: c.experts as u32,
            rows: n as u32,
            top_k: c.top_k as u32,
            tiles_max: tiles as u32,
        };
        let gate_up = kernels::Experts {
            values: layer.gate_up.values.address(),
            scales: layer.gate_up.scales.address(),
            bias: layer.gate_up.bias.address(),
            x: s.normed.hi(),
            x_lo: s.normed.lo(),
            lists: s.lists.address(),
            tiles: s.tiles.address(),
            y: 0,
            hi: s.active.hi(),
            lo: s.active.lo(),
            outs: 2 * c.intermediate as u32,
            blocks: (c.hidden / BLOCK) as u32,
            rows: n as u32,
            top_k: c.top_k as u32,
            limit: c.swiglu_limit,
            alpha: c.swiglu_alpha,
        };
        let down = kernels::Experts {
            values: layer.down.values.address(),
            scales: layer.down.scales.address(),
            bias: layer.down.bias.address(),
            x: s.active.hi(),
            x_lo: s.active.lo(),
            y: s.down.address(),
            hi: 0,
            lo: 0,
            outs: c.hidden as u32,
            blocks: (c.intermediate / BLOCK) as u32,
            ..gate_up
        };
        let (to_active, from_active, width) = match self.is_many(n) {
            true => (Kernel::GateUpMany, Kernel::DownMany, MANY * OUTS),
            false => (Kernel::GateUp, Kernel::Down, OUTS),
        };
        // SAFETY: the scratch has room for `plan.rows` rows and their assignments, weights and
        // biases were sized by the same config, and n was checked.
        unsafe {
            launch(device, Kernel::Route, [n, 1], &route)?;
            launch(device, Kernel::Group, [1, 1], &group)?;
            let grid = |outs: u32| [(outs as usize).div_ceil(width), tiles];
            launch(device, to_active, grid(gate_up.outs), &gate_up)?;
            launch(device, from_active, grid(down.outs), &down)
        }
    }

    /// Rows, or those that `pick` names, normalised into `normed`.
    fn norm(
        &self,
        s: &Scratch,
        gain: &Buffer,
        down: u64,
        pick: u64,
        rows: usize,
    ) -> Result<(), Fault> {
        let norm = kernels::Norm {
            x: s.x.address(),
            down,
            share: s.share.address(),
            gain: gain.address(),
            pick,
            hi: s.normed.hi(),
            lo: s.normed.lo(),
            width: self.config.hidden as u32,
            top_k: self.config.top_k as u32,
            eps: self.config.eps as f32,
        };
        // SAFETY: x, down and normed hold `plan.rows` rows, and `pick` names rows of the step.
        unsafe { launch(&*self.device, Kernel::Norm, [rows, 1], &norm) }
    }

    /// y = x · wᵀ + b, or added to y.
    fn dense(&self, w: &Dense, x: &Planes, y: u64, rows: usize, add: bool) -> Result<(), Fault> {
        let hi = kernels::Linear {
            w: w.hi.address(),
            bias: w.bias.as_ref().map_or(0, Buffer::address),
            x: x.hi(),
            x_lo: x.lo(),
            y,
            rows: rows as u32,
            outs: w.outs as u32,
            blocks: w.blocks as u32,
            add: u32::from(add),
        };
        // What bf16 leaves of f32 weights comes on top.
        let lo = w.lo.as_ref().map(|lo| kernels::Linear {
            w: lo.address(),
            bias: 0,
            add: 1,
            ..hi
        });
        let (kernel, outs) = match self.is_many(rows) {
            true => (Kernel::LinearMany, MANY * OUTS),
            false => (Kernel::Linear, OUTS),
        };
        let grid = [w.outs.div_ceil(outs), rows.div_ceil(TILE)];
        for linear in std::iter::once(hi).chain(lo) {
            // SAFETY: w, x and y were sized by the config for `plan.rows` rows.
            unsafe { launch(&*self.device, kernel, grid, &linear)? };
        }
        Ok(())
    }

    fn is_many(&self, rows: usize) -> bool {
        rows >= self.plan.many_from
    }

    fn attend(
        &self,
        s: &Scratch,
        step: &Step,
        layer: &Layer,
        kind: Kind,
        of_kind: usize,
    ) -> Result<(), Fault> {
        let c = &self.config;
        let described = step.kinds[kind as usize]
            .as_ref()
            .expect("described for every kind of layer there is");
        let pool = self.pools.pool(kind);
        let (keys, values) = (pool.keys(of_kind), pool.values(of_kind));
        let window = match kind {
            Kind::Full => 0,
            Kind::Sliding => c.windows.iter().flatten().next().copied().unwrap_or(0) as u32,
        };
        let place = kernels::Place {
            qkv: s.qkv.address(),
            cos: step.cos,
            sin: step.sin,
            place: described.places,
            q_hi: s.queries.hi(),
            q_lo: s.queries.lo(),
            keys,
            values,
            heads: c.heads as u32,
            kv_heads: c.kv_heads as u32,
            dim: c.head_dim as u32,
            wide: wide(c) as u32,
            scale: (c.head_dim as f64).powf(-0.5) as f32,
        };
        // SAFETY: places are of pages that the rows' sequences hold.
        unsafe { launch(&*self.device, Kernel::Place, [step.rows.len(), 1], &place)? };
        for slice in &described.work.slices {
            let attend = kernels::Attend {
                q_hi: s.queries.hi(),
                q_lo: s.queries.lo(),
                keys,
                values,
                tiles: described.tiles + 16 * slice.tiles.start as u64,
                members: described.members,
                tables: described.tables,
                positions: step.positions,
                base: described.base,
                partial: s.partial.address(),
                tile_count: slice.tiles.len() as u32,
                table_pages: step.pages as u32,
                heads: c.heads as u32,
                kv_heads: c.kv_heads as u32,
                wide: wide(c) as u32,
                window,
            };
            let merge = kernels::Merge {
                partial: s.partial.address(),
                positions: step.positions,
                base: described.base,
                sinks: layer.sinks.address(),
                hi: s.attended.hi(),
                lo: s.attended.lo(),
                first: slice.rows.start as u32,
                heads: c.heads as u32,
                dim: c.head_dim as u32,
                wide: wide(c) as u32,
                window,
                width: attended(c) as u32,
            };
            let warps = [slice.tiles.len().div_ceil(4), c.kv_heads];
            // SAFETY: the slice's partial results fit, by `plan.partials`; the tables name pages
            // of the pool.
            unsafe {
                launch(&*self.device, Kernel::Attend, warps, &attend)?;
                launch(
                    &*self.device,
                    Kernel::Merge,
                    [slice.rows.len(), c.heads],
                    &merge,
                )?;
            }
        }
        Ok(())
    }

    /// The logits of the rows that ask, and the best token of each.
    fn choose(&self, s: &Scratch, pick: u64, asked: usize) -> Result<(), Fault> {
        self.norm(s, &self.norm, s.down.address(), pick, asked)?;
        self.dense(&self.head, &s.normed, s.logits.address(), asked, false)?;
        let best = kernels::Best {
            logits: s.logits.address(),
            best: s.best.address(),
            vocab: self.config.vocab as u32,
        };
        // SAFETY: logits and best hold `plan.asked` rows.
        unsafe { launch(&*self.device, Kernel::Best, [asked, 1], &best) }
    }
}

/// What a step says of the rows that asked, still on the device. The next step waits until
/// this is dropped.
pub(crate) struct Answers<'a> {
    scratch: MutexGuard<'a, Scratch>,
    asked: usize,
    vocab: usize,
}

impl Answers<'_> {
    /// The best token of each row, absent where a logit is not a number.
    pub(crate) fn best(&self) -> Result<Vec<Option<u32>>, Fault> {
        let mut bytes = vec![0; 4 * self.asked];
        self.scratch.best.read(0, &mut bytes)?;
        let ids = bytes.chunks_exact(4);
        let ids = ids.map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        Ok(ids.map(|id| (id != u32::MAX).then_some(id)).collect())
    }

    /// The logits of some of the rows, one after the other.
    pub(crate) fn logits(&self, rows: Range<usize>) -> Result<Vec<f32>, Fault> {
        let mut bytes = vec![0; 4 * self.vocab * rows.len()];
        let from = 4 * (self.vocab * rows.start) as u64;
        self.scratch.logits.read(from, &mut bytes)?;
        let values = bytes.chunks_exact(4);
        Ok(values
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect())
    }
}
