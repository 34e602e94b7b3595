//! Keys and values on the device, in pages of 16 positions. A sequence has a table of pages by
//! position, for layers with full attention and for sliding ones; it begins with those of the
//! shared prefix, and where the prefix ends within a page, with a copy of that page. Sliding
//! pages that no window reaches any more go back to the pool, unless the sequence is a prefix.
//!
//! Nothing here knows what a key is: pages are numbers below the pool's size.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::device::{Buffer, Device, Fault};
use super::kernels::PAGE;
use crate::config::Config;

/// Layers of one kind: those with full attention, or those that slide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Full,
    Sliding,
}

/// Pages of one kind, in all of its layers.
pub(crate) struct Pool {
    memory: Buffer,
    layers: usize,
    pages: usize,
    /// Of a page's keys, or of its values, in one layer.
    bytes: u64,
    free: Mutex<Vec<u32>>,
}

impl Pool {
    fn new(
        device: &Arc<dyn Device>,
        layers: usize,
        pages: usize,
        bytes: u64,
    ) -> Result<Pool, Fault> {
        Ok(Pool {
            memory: Buffer::new(device, 2 * layers as u64 * pages as u64 * bytes)?,
            layers,
            pages,
            bytes,
            // The lowest first.
            free: Mutex::new((0..pages as u32).rev().collect()),
        })
    }

    /// Where the keys of the pages lie in a layer, counted within the kind; values follow.
    pub(crate) fn keys(&self, layer: usize) -> u64 {
        self.memory.address() + 2 * layer as u64 * self.pages as u64 * self.bytes
    }

    pub(crate) fn values(&self, layer: usize) -> u64 {
        self.keys(layer) + self.pages as u64 * self.bytes
    }

    pub(crate) fn free_pages(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u32>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Result<u32, Fault> {
        self.lock().pop().ok_or_else(|| {
            Fault(format!(
                "the GPU's memory for keys and values is used up ({} positions in pages of \
                 {PAGE}). Judge with shorter policies or replies, or with --device cpu.",
                self.pages * PAGE
            ))
        })
    }

    fn copy(&self, device: &dyn Device, from: u32, to: u32) -> Result<(), Fault> {
        for layer in 0..self.layers {
            for base in [self.keys(layer), self.values(layer)] {
                let at = |page: u32| base + u64::from(page) * self.bytes;
                device.copy(at(from), at(to), self.bytes)?;
            }
        }
        Ok(())
    }
}

pub(crate) struct Pools {
    device: Arc<dyn Device>,
    full: Pool,
    sliding: Pool,
    window: usize,
}

/// Bytes of the keys, or of the values, of one page in one layer.
pub(crate) fn page_bytes(c: &Config) -> u64 {
    (c.kv_heads * PAGE * wide(c) * size_of::<f32>()) as u64
}

/// head_dim rounded up to what the tensor cores take.
pub(crate) fn wide(c: &Config) -> usize {
    c.head_dim.next_multiple_of(16)
}

/// Layers with full attention, and layers that slide.
pub(crate) fn layers(c: &Config) -> [usize; 2] {
    let sliding = c.windows.iter().flatten().count();
    [c.windows.len() - sliding, sliding]
}

impl Pools {
    pub(crate) fn new(
        device: &Arc<dyn Device>,
        c: &Config,
        pages: [usize; 2],
    ) -> Result<Pools, Fault> {
        let [full, sliding] = layers(c);
        Ok(Pools {
            device: device.clone(),
            full: Pool::new(device, full, pages[0], page_bytes(c))?,
            sliding: Pool::new(device, sliding, pages[1], page_bytes(c))?,
            window: c.windows.iter().flatten().copied().max().unwrap_or(0),
        })
    }

    /// Pages of each kind that are left.
    pub(crate) fn free_pages(&self) -> [usize; 2] {
        [self.full.free_pages(), self.sliding.free_pages()]
    }

    pub(crate) fn pool(&self, kind: Kind) -> &Pool {
        match kind {
            Kind::Full => &self.full,
            Kind::Sliding => &self.sliding,
        }
    }
}

/// What a sequence keeps of the layers that slide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Every position: a prefix is cut anywhere and goes on from there.
    All,
    /// What the next position sees.
    Window,
}

/// Keys and values of one sequence's positions, or of a shared prefix's.
pub(crate) struct Kv {
    pools: Arc<Pools>,
    keep: Keep,
    len: usize,
    /// Positions of the prefix that this sequence follows, once it has any of its own.
    after: usize,
    /// From the page on in which `after` lies.
    full: Vec<Option<u32>>,
    sliding: Vec<Option<u32>>,
}

impl Kv {
    pub(crate) fn new(pools: &Arc<Pools>, keep: Keep) -> Kv {
        Kv {
            pools: pools.clone(),
            keep,
            len: 0,
            after: 0,
            full: Vec::new(),
            sliding: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn extend(&mut self, positions: usize) {
        self.len += positions;
    }

    /// Forgets all positions from `len` on; `extend` may take them back until the next step.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    fn pages_of(&mut self, kind: Kind) -> &mut Vec<Option<u32>> {
        match kind {
            Kind::Full => &mut self.full,
            Kind::Sliding => &mut self.sliding,
        }
    }

    /// Pages that the first `len` positions take.
    fn pages_of_first(&self, len: usize) -> usize {
        match len {
            0 => 0,
            _ => (self.after % PAGE + len).div_ceil(PAGE),
        }
    }

    /// How many of the first pages no window reaches any more. The next position sees itself
    /// and `window − 1` before it.
    fn unseen(&self) -> usize {
        match self.keep {
            Keep::All => 0,
            Keep::Window => {
                let first = (self.after + self.len + 1).saturating_sub(self.pools.window);
                (first / PAGE).saturating_sub(self.after / PAGE)
            }
        }
    }

    /// Pages of each kind that `more` positions take beyond those that are held.
    pub(crate) fn needs(&self, shared: Option<&Kv>, more: usize) -> [usize; 2] {
        let after = match self.len {
            0 => shared.map_or(0, Kv::len),
            _ => self.after,
        };
        let pages = (after % PAGE + self.len + more).div_ceil(PAGE);
        let kept = self.pages_of_first(self.len);
        let unseen = self.sliding.iter().take(kept).take(self.unseen()).flatten();
        let (free, sliding) = (unseen.count(), kept.min(self.sliding.len()));
        let needs = [
            pages - kept.min(self.full.len()),
            (pages - sliding).saturating_sub(free),
        ];
        let pools = [&self.pools.full, &self.pools.sliding];
        std::array::from_fn(|kind| match pools[kind].layers {
            0 => 0,
            _ => needs[kind],
        })
    }

    /// Gives back the pages behind the first `len` positions.
    fn shorten(&mut self, len: usize) {
        let pools = self.pools.clone();
        let pages = self.pages_of_first(len);
        for kind in [Kind::Full, Kind::Sliding] {
            let held = self.pages_of(kind);
            let from = pages.min(held.len());
            pools.pool(kind).lock().extend(held.drain(from..).flatten());
        }
    }

    /// Makes room for `more` positions behind those there are, after `shared`.
    pub(crate) fn grow(&mut self, shared: Option<&Kv>, more: usize) -> Result<(), Fault> {
        let pools = self.pools.clone();
        let after = shared.map_or(0, Kv::len);
        self.shorten(self.len);
        if self.full.is_empty() && self.sliding.is_empty() {
            self.after = after;
        } else if self.after != after {
            return Err(Fault(format!(
                "a sequence that follows {} positions cannot follow {after}",
                self.after
            )));
        }
        let unseen = self.unseen();
        let unseen = self.sliding.iter_mut().take(unseen);
        pools.sliding.lock().extend(unseen.filter_map(Option::take));
        let within = self.after % PAGE;
        let pages = (within + self.len + more).div_ceil(PAGE);
        for kind in [Kind::Full, Kind::Sliding] {
            let pool = pools.pool(kind);
            if pool.layers == 0 {
                continue;
            }
            while self.pages_of(kind).len() < pages {
                let page = pool.take()?;
                let first = self.pages_of(kind).is_empty();
                self.pages_of(kind).push(Some(page));
                let begun = shared.filter(|_| first && within > 0);
                if let Some(page_before) = begun.and_then(|kv| kv.page(kind, after / PAGE)) {
                    pool.copy(&*pools.device, page_before, page)?;
                }
            }
        }
        Ok(())
    }

    /// This sequence's own page for an absolute page number.
    pub(crate) fn page(&self, kind: Kind, page: usize) -> Option<u32> {
        let held = match kind {
            Kind::Full => &self.full,
            Kind::Sliding => &self.sliding,
        };
        *held.get(page.checked_sub(self.after / PAGE)?)?
    }
}

impl Drop for Kv {
    fn drop(&mut self) {
        self.shorten(0);
    }
}
