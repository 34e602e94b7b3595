//! What one step's kernels must know of its rows: where each row's keys go, which pages each
//! sequence has, and how attention is cut into work for warps. Rows that see the same pages of
//! a split (the rows of one prompt, and everybody over the shared prefix) share a warp's pass
//! over them. How rows are put together changes no bit of their results.

use std::ops::Range;

use super::device::Fault;
use super::kernels::{HEADS, PAGE, SPLIT};
use super::pages::{Kind, Kv};
use crate::attention::Row;

/// Words for the device, uploaded at once.
#[derive(Default)]
pub(crate) struct Words(pub(crate) Vec<u32>);

impl Words {
    /// Where the words begin, in bytes.
    pub(crate) fn push(&mut self, words: impl IntoIterator<Item = u32>) -> u64 {
        let at = self.0.len() as u64 * 4;
        self.0.extend(words);
        at
    }
}

/// Attention of a step in the layers of one kind.
pub(crate) struct Attention {
    /// Table, split, first member, members.
    pub(crate) tiles: Vec<[u32; 4]>,
    /// Rows, tile by tile.
    pub(crate) members: Vec<u32>,
    /// Where each row's partial results begin, in its slice.
    pub(crate) base: Vec<u32>,
    pub(crate) slices: Vec<Slice>,
}

/// Rows whose partial results fit their memory together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Slice {
    pub(crate) rows: Range<usize>,
    pub(crate) tiles: Range<usize>,
}

/// The splits that a row sees.
fn splits(position: usize, window: Option<usize>) -> Range<usize> {
    start(position, window) / SPLIT..position / SPLIT + 1
}

/// The first position that a row sees.
fn start(position: usize, window: Option<usize>) -> usize {
    window.map_or(0, |window| (position + 1).saturating_sub(window))
}

/// Cuts attention into work. `groups` query heads share a kv head; the first `shared` positions
/// are in everybody's tables; `partials_max` is at least the splits of a row.
pub(crate) fn attention(
    rows: &[Row],
    window: Option<usize>,
    groups: usize,
    shared: usize,
    partials_max: usize,
) -> Attention {
    let mut work = Attention {
        tiles: Vec::new(),
        members: Vec::new(),
        base: Vec::with_capacity(rows.len()),
        slices: Vec::new(),
    };
    let mut first = 0;
    while first < rows.len() {
        let (mut end, mut partials) = (first, 0);
        while let Some(row) = rows.get(end) {
            let more = splits(row.position, window).len();
            if end > first && partials + more > partials_max {
                break;
            }
            work.base.push(partials as u32);
            partials += more;
            end += 1;
        }
        let tiles = work.tiles.len();
        slice(rows, first..end, window, groups, shared, &mut work);
        work.slices.push(Slice {
            rows: first..end,
            tiles: tiles..work.tiles.len(),
        });
        first = end;
    }
    work
}

fn slice(
    rows: &[Row],
    range: Range<usize>,
    window: Option<usize>,
    groups: usize,
    shared: usize,
    work: &mut Attention,
) {
    let seen = |row: usize| splits(rows[row].position, window);
    let first = range.clone().map(|row| seen(row).start).min().unwrap_or(0);
    let end = range.clone().map(|row| seen(row).end).max().unwrap_or(0);
    for split in first..end {
        // Pages of everybody, or of one sequence.
        let everybody = (split + 1) * SPLIT <= shared / PAGE * PAGE;
        let mut open: Option<usize> = None;
        for row in range.clone().filter(|&row| seen(row).contains(&split)) {
            let sequence = rows[row].sequence;
            match work.tiles.last_mut() {
                Some(tile)
                    if open.is_some_and(|of| everybody || of == sequence)
                        && (tile[3] as usize + 1) * groups <= HEADS =>
                {
                    tile[3] += 1;
                }
                Some(_) | None => {
                    let member = work.members.len() as u32;
                    work.tiles.push([sequence as u32, split as u32, member, 1]);
                }
            }
            open = Some(sequence);
            work.members.push(row as u32);
        }
    }
}

/// Each sequence's page for every page of positions, `pages` a sequence; what no row of the
/// step sees is page 0.
pub(crate) fn tables(
    rows: &[Row],
    kind: Kind,
    window: Option<usize>,
    shared: Option<&Kv>,
    sequences: &[&Kv],
    pages: usize,
) -> Result<Vec<u32>, Fault> {
    let mut table = vec![0; sequences.len() * pages];
    let prefix = shared.map_or(0, Kv::len) / PAGE;
    let gone = |page: usize| Fault(format!("the keys of position {} are gone", page * PAGE));
    // A warp that takes rows of several sequences over the prefix goes by the first one's table,
    // whose own rows may see less of it.
    let first = rows.iter().map(|row| start(row.position, window) / PAGE);
    let first = first.min().unwrap_or(0);
    for sequence in table.chunks_exact_mut(pages.max(1)) {
        for (page, place) in sequence.iter_mut().enumerate().take(prefix).skip(first) {
            let found = shared.and_then(|shared| shared.page(kind, page));
            *place = found.ok_or_else(|| gone(page))?;
        }
    }
    for row in rows {
        let seen = start(row.position, window) / PAGE..row.position / PAGE + 1;
        for page in seen.start.max(prefix)..seen.end {
            let found = sequences[row.sequence].page(kind, page);
            table[row.sequence * pages + page] = found.ok_or_else(|| gone(page))?;
        }
    }
    Ok(table)
}

/// Where each row's keys and values go: page · PAGE + place in it.
pub(crate) fn places(rows: &[Row], table: &[u32], pages: usize) -> Vec<u32> {
    let place = |row: &Row| {
        let page = table[row.sequence * pages + row.position / PAGE];
        page * PAGE as u32 + (row.position % PAGE) as u32
    };
    rows.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn rows(sequences: &[Range<usize>]) -> Vec<Row> {
        let of = |(sequence, range): (usize, &Range<usize>)| {
            range
                .clone()
                .map(move |position| Row { sequence, position })
        };
        sequences.iter().enumerate().flat_map(of).collect()
    }

    /// Every row and split once, in one tile, within its slice's memory.
    fn check(rows: &[Row], window: Option<usize>, groups: usize, shared: usize, max: usize) {
        let work = attention(rows, window, groups, shared, max);
        let mut seen = BTreeSet::new();
        let mut next = 0;
        for slice in &work.slices {
            assert_eq!(slice.rows.start, next);
            next = slice.rows.end;
            let mut used = BTreeSet::new();
            for &[table, split, first, count] in &work.tiles[slice.tiles.clone()] {
                assert!(count as usize * groups <= HEADS.max(groups));
                let members = &work.members[first as usize..][..count as usize];
                for &row in members {
                    let of = rows[row as usize];
                    assert!(slice.rows.contains(&(row as usize)));
                    assert!(seen.insert((row, split)), "twice");
                    let own = splits(of.position, window);
                    assert!(own.contains(&(split as usize)));
                    let partial = work.base[row as usize] as usize + split as usize - own.start;
                    assert!(used.insert(partial), "two results in one place");
                    let everybody = (split as usize + 1) * SPLIT <= shared / PAGE * PAGE;
                    assert!(
                        everybody || of.sequence == table as usize,
                        "another's pages"
                    );
                }
            }
            assert!(used.len() <= max || slice.rows.len() == 1);
        }
        assert_eq!(next, rows.len());
        let all = rows.iter().map(|row| splits(row.position, window).len());
        assert_eq!(seen.len(), all.sum::<usize>());
    }

    #[test]
    fn attention_is_cut_into_every_row_and_split_once() {
        let prompt = 0..300;
        let prompt = rows(&[prompt]);
        let batch: Vec<_> = (0..32).map(|i| 700 + i..701 + i).collect();
        let mixed = rows(&[520..521, 513..640, 530..534, 1100..1101]);
        for groups in [1, 2, 3, 8, 16] {
            for window in [None, Some(1), Some(64), Some(128), Some(129)] {
                for max in [16, 100, 1 << 20] {
                    check(&prompt, window, groups, 0, max);
                    check(&rows(&batch), window, groups, 700, max);
                    check(&mixed, window, groups, 513, max);
                }
            }
        }
    }

    #[test]
    fn everybody_shares_the_passes_over_the_prefix() {
        let batch: Vec<_> = (0..32).map(|_| 1_030..1_031).collect();
        let work = attention(&rows(&batch), None, 8, 1_024, 1 << 20);
        // Two rows of eight heads fill a tile: 8 splits of the prefix take 16 tiles each, the
        // last one is everybody's own.
        assert_eq!(work.tiles.len(), 8 * 16 + 32);
    }
}
