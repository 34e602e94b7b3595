//! Shared prefixes that were computed, as a tree over their tokens: what texts have in common at
//! their beginning is held once. An edit computes and holds only what comes from its first changed
//! token on, and going back to an earlier text computes nothing. What was not used for longest
//! makes room.
//!
//! A node holds what a text has alone and follows another one up to any of its positions, so that
//! an edit neither splits nor copies what is there.

use crate::attention::LANES;
use crate::backend::{Sequence, Shared};

/// Positions kept in all: those of the longest policy that memory is planned for.
pub(crate) const POSITIONS_MAX: usize = 4_096;

/// Nodes of one path at most: attention pays a little for each. What would be one too deep begins
/// with a copy of the last ones.
const PATH_MAX: usize = 4;

#[derive(Default)]
pub(crate) struct Prefixes {
    /// From the one that a text ended in longest ago to the one of the last text.
    nodes: Vec<Node>,
    next_id: u64,
}

struct Node {
    id: u64,
    /// The node that holds the position before `from`; absent where there is none.
    parent: Option<u64>,
    /// Positions of the parent's path that this one follows.
    from: usize,
    /// Those that `kv` holds, from `from` on.
    tokens: Vec<u32>,
    kv: Sequence,
}

/// A text's path through the tree, which ends in the last node.
pub(crate) struct Kept<'a> {
    nodes: &'a mut [Node],
    len: usize,
}

impl Prefixes {
    /// What is known of `tokens`, to be continued.
    pub(crate) fn begin(&mut self, new: impl FnOnce() -> Sequence, tokens: &[u32]) -> Kept<'_> {
        // Then there is no more than one, which goes on behind what is the same.
        if let [only] = &mut self.nodes[..]
            && !only.kv.is_followed_in_part()
        {
            only.cut(common(&only.tokens, tokens));
        }
        let (at, same) = self.longest(tokens);
        let missing = tokens.len() - same;
        let whole = |nodes: &[Node]| at.is_some_and(|id| find(nodes, id).end() == same);
        if missing > 0 {
            let copied = match whole(&self.nodes) {
                true => 0,
                false => same - followed(&path(&self.nodes, at, same)),
            };
            self.make_room(missing + copied, at, same);
        }
        let place = self.nodes.iter().position(|node| Some(node.id) == at);
        let last = match place {
            // Also where there was no room for another node and this one was cut.
            Some(place) if missing == 0 || whole(&self.nodes) => self.nodes.remove(place),
            _ => self.branch(new, at, &tokens[..same]),
        };
        self.nodes.push(last);
        Kept {
            nodes: &mut self.nodes,
            len: same,
        }
    }

    /// One that was computed elsewhere.
    pub(crate) fn add(&mut self, tokens: Vec<u32>, kv: Sequence) {
        let node = self.node(None, 0, tokens, kv);
        self.nodes.push(node);
    }

    pub(crate) fn clear(&mut self) {
        self.nodes.clear();
    }

    fn node(&mut self, parent: Option<u64>, from: usize, tokens: Vec<u32>, kv: Sequence) -> Node {
        self.next_id += 1;
        Node {
            id: self.next_id,
            parent,
            from,
            tokens,
            kv,
        }
    }

    /// The node to go on from, and how many of the first tokens its path has.
    fn longest(&self, tokens: &[u32]) -> (Option<u64>, usize) {
        let found = self.nodes.iter().map(|node| {
            let same = self.common(node, tokens);
            (same, same == node.end(), node.id)
        });
        // Of equally good ones one that ends there, which can grow, and the last used.
        match found.max_by_key(|&(same, ends, _)| (same, ends)) {
            Some((same, true, id)) => (Some(id), same),
            Some((same, false, id)) => (holder(&self.nodes, Some(id), same), same),
            None => (None, 0),
        }
    }

    /// How many of the first tokens a node's path has in common with a text.
    fn common(&self, node: &Node, tokens: &[u32]) -> usize {
        let parent = node.parent.map(|id| find(&self.nodes, id));
        let before = parent.map_or(0, |parent| self.common(parent, tokens));
        match tokens.get(node.from..) {
            Some(behind) if before >= node.from => node.from + common(&node.tokens, behind),
            _ => before,
        }
    }

    /// A node that follows the path to `at` as far as `tokens`.
    fn branch(&mut self, new: impl FnOnce() -> Sequence, at: Option<u64>, tokens: &[u32]) -> Node {
        let mut copied = path(&self.nodes, at, tokens.len());
        let from = followed(&copied);
        copied.retain(|(node, _)| node.from >= from);
        let kv = match copied.is_empty() {
            true => new(),
            false => shared(&copied).copy(),
        };
        let parent = holder(&self.nodes, at, from);
        self.node(parent, from, tokens[from..].to_vec(), kv)
    }

    /// Takes away what was not used for longest and nobody follows, until `more` positions fit,
    /// or there is but the path to `at` as far as `end`.
    fn make_room(&mut self, more: usize, at: Option<u64>, end: usize) {
        let mut i = 0;
        while i < self.nodes.len() && self.places() + more > POSITIONS_MAX {
            let id = Some(self.nodes[i].id);
            let children = self.nodes.iter().filter(|node| node.parent == id);
            let ends = children.map(|node| node.from);
            match ends.chain((at == id).then_some(end)).max() {
                Some(end) => {
                    let node = &mut self.nodes[i];
                    node.cut(end - node.from);
                    i += 1;
                }
                None => {
                    self.nodes.remove(i);
                    // What it followed may be free now.
                    i = 0;
                }
            }
        }
    }

    /// Positions that there is memory for: whole blocks of each node.
    fn places(&self) -> usize {
        let lens = self.nodes.iter().map(|node| node.tokens.len());
        lens.map(|len| len.next_multiple_of(LANES)).sum()
    }
}

impl Node {
    fn end(&self) -> usize {
        self.from + self.tokens.len()
    }

    /// Forgets what stands behind the first `len` tokens of its own.
    fn cut(&mut self, len: usize) {
        if len < self.tokens.len() {
            self.tokens.truncate(len);
            self.kv.shorten(len);
        }
    }
}

impl Kept<'_> {
    /// Positions of the text that are there.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// What follows the text follows these.
    pub(crate) fn shared(&self) -> Shared<'_> {
        shared(&self.path())
    }

    pub(crate) fn tokens(&self) -> Vec<u32> {
        let path = self.path();
        let tokens = path.iter().flat_map(|&(node, len)| &node.tokens[..len]);
        tokens.copied().collect()
    }

    /// What is to be continued, and what it follows.
    pub(crate) fn grow(&mut self) -> (Shared<'_>, &mut Sequence) {
        let (last, others) = self.nodes.split_last_mut().expect(BEGUN);
        (shared(&path(others, last.parent, last.from)), &mut last.kv)
    }

    /// Says by which tokens it was.
    pub(crate) fn push(&mut self, tokens: &[u32]) {
        let last = self.nodes.last_mut().expect(BEGUN);
        last.tokens.extend_from_slice(tokens);
        self.len += tokens.len();
    }

    fn path(&self) -> Vec<(&Node, usize)> {
        path(self.nodes, self.nodes.last().map(|node| node.id), self.len)
    }
}

const BEGUN: &str = "a text that was begun has a node";

/// How many of the first tokens are the same.
fn common(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

fn find(nodes: &[Node], id: u64) -> &Node {
    let found = nodes.iter().find(|node| node.id == id);
    found.expect("a node that others follow is kept")
}

/// The node on the path to `at` that holds the position before `end`.
fn holder(nodes: &[Node], mut at: Option<u64>, end: usize) -> Option<u64> {
    while let Some(node) = at.map(|id| find(nodes, id)).filter(|node| node.from >= end) {
        at = node.parent;
    }
    at
}

/// The path to `at` as far as `end`, each node with how many of its positions stand on it.
fn path(nodes: &[Node], at: Option<u64>, mut end: usize) -> Vec<(&Node, usize)> {
    let mut path = Vec::new();
    let mut at = holder(nodes, at, end);
    while let Some(node) = at.map(|id| find(nodes, id)) {
        path.push((node, end - node.from));
        (at, end) = (node.parent, node.from);
    }
    path.reverse();
    path
}

fn shared<'a>(path: &[(&'a Node, usize)]) -> Shared<'a> {
    Shared::new(path.iter().map(|&(node, len)| (&node.kv, len)).collect())
}

/// As far as a new node follows this path; what stands behind is copied. That is more than the
/// last node where those before it are short as well, so that typing on and on copies little.
fn followed(path: &[(&Node, usize)]) -> usize {
    let mut followed: usize = path.iter().map(|(_, len)| len).sum();
    if path.len() < PATH_MAX {
        return followed;
    }
    let mut copied = 0;
    for (_, len) in path.iter().rev() {
        if copied > 0 && *len >= 2 * copied {
            break;
        }
        copied += len;
        followed -= len;
    }
    followed
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::attention::{Kv, Stretch};
    use crate::config::Config;
    use crate::testing::Noise;
    use std::path::Path;

    fn config() -> Config {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/parity/alpha");
        Config::load(&dir).unwrap()
    }

    /// Keys and values that tell token and position.
    fn row(config: &Config, token: u32, position: usize) -> Vec<f32> {
        let numbers = 0..config.kv_heads * config.head_dim;
        numbers
            .map(|i| (token as usize * 7 + position * 13 + i) as f32)
            .collect()
    }

    /// Computes what is missing, and says how much was there. What there is then must be the
    /// text's.
    fn bring(prefixes: &mut Prefixes, config: &Config, tokens: &[u32]) -> usize {
        let mut kept = prefixes.begin(|| Sequence::Cpu(Kv::new(config)), tokens);
        let reused = kept.len();
        for (position, &token) in tokens.iter().enumerate().skip(reused) {
            let (shared, sequence) = kept.grow();
            let place = position - shared.len();
            let Sequence::Cpu(kv) = sequence else {
                panic!("made on the processor");
            };
            assert_eq!(kv.len(), place);
            let row = row(config, token, position);
            for layer in 0..config.windows.len() {
                kv.write(layer, place, &row, &row);
            }
            kv.extend(1);
            kept.push(&[token]);
        }
        assert_eq!((kept.tokens(), kept.len()), (tokens.to_vec(), tokens.len()));
        let path = kept.shared().on_cpu();
        assert!(path.len() <= PATH_MAX);
        assert!(bytes(&path) == bytes(&[Stretch::new(&flat(config, tokens), tokens.len())]));
        check(prefixes);
        reused
    }

    fn flat(config: &Config, tokens: &[u32]) -> Kv {
        let mut kv = Kv::new(config);
        for (position, &token) in tokens.iter().enumerate() {
            let row = row(config, token, position);
            for layer in 0..config.windows.len() {
                kv.write(layer, position, &row, &row);
            }
        }
        kv.extend(tokens.len());
        kv
    }

    fn bytes(path: &[Stretch<'_>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        Kv::write_path(path, &mut bytes).unwrap();
        bytes
    }

    /// What every tree keeps to, whatever was asked of it.
    fn check(prefixes: &Prefixes) {
        for node in &prefixes.nodes {
            assert_eq!(node.kv.len(), node.tokens.len());
            if let Some(id) = node.parent {
                let parent = find(&prefixes.nodes, id);
                assert!((parent.from + 1..=parent.end()).contains(&node.from));
            } else {
                assert_eq!(node.from, 0);
            }
        }
        assert!(prefixes.places() <= POSITIONS_MAX || prefixes.nodes.len() <= PATH_MAX);
    }

    fn held(prefixes: &Prefixes) -> usize {
        prefixes.nodes.iter().map(|node| node.tokens.len()).sum()
    }

    fn edited(text: &[u32], at: usize) -> Vec<u32> {
        let mut edited = text.to_vec();
        edited[at] += 1_000_000;
        edited
    }

    #[test]
    fn an_edit_keeps_what_stood_before_and_going_back_costs_nothing() {
        let (config, mut prefixes) = (config(), Prefixes::default());
        let text: Vec<u32> = (0..600).collect();
        let (early, late) = (edited(&text, 300), edited(&text, 500));
        assert_eq!(bring(&mut prefixes, &config, &text), 0);
        assert_eq!(bring(&mut prefixes, &config, &early), 300);
        assert_eq!(bring(&mut prefixes, &config, &text), 600);
        assert_eq!(bring(&mut prefixes, &config, &late), 500);
        assert_eq!(bring(&mut prefixes, &config, &early), 600);
        assert_eq!(bring(&mut prefixes, &config, &early[..450]), 450);
        assert_eq!(held(&prefixes), 600 + 300 + 100);
        // A longer text goes on where a kept one ends.
        let longer: Vec<u32> = text.iter().copied().chain([1, 2, 3]).collect();
        assert_eq!(bring(&mut prefixes, &config, &longer), 600);
        assert_eq!(prefixes.nodes.len(), 3);
        for text in [&text, &early, &late, &longer] {
            assert_eq!(bring(&mut prefixes, &config, text), text.len());
        }
        assert_eq!(held(&prefixes), 600 + 300 + 100 + 3);
    }

    #[test]
    fn edits_of_one_text_hold_what_they_changed() {
        let (config, mut prefixes) = (config(), Prefixes::default());
        let text: Vec<u32> = (0..601).collect();
        bring(&mut prefixes, &config, &text);
        let places = [599, 590, 333, 577, 455, 500, 481, 599, 590];
        for place in &places[..7] {
            assert_eq!(
                bring(&mut prefixes, &config, &edited(&text, *place)),
                *place
            );
        }
        let tails: usize = places[..7].iter().map(|place| 601 - place).sum();
        assert_eq!(held(&prefixes), 601 + tails);
        for place in &places[7..] {
            assert_eq!(bring(&mut prefixes, &config, &edited(&text, *place)), 601);
        }
        assert_eq!(held(&prefixes), 601 + tails);
    }

    #[test]
    fn typing_on_copies_little() {
        let (config, mut prefixes) = (config(), Prefixes::default());
        // Behind what is typed stand tokens that are always there.
        let text: Vec<u32> = (0..400).collect();
        let typed = |n: u32| -> Vec<u32> {
            let typed = (0..n * 3).map(|i| 5_000 + i);
            text.iter()
                .copied()
                .chain(typed)
                .chain([1, 2, 3, 4])
                .collect()
        };
        bring(&mut prefixes, &config, &typed(0));
        let mut computed = 404;
        for n in 1..50 {
            let text = typed(n);
            assert_eq!(bring(&mut prefixes, &config, &text), text.len() - 7);
            computed += 7;
        }
        let copied = held(&prefixes) - computed;
        assert!((1..=3 * 150).contains(&copied), "{copied}");
        for n in 0..50 {
            let text = typed(n);
            assert_eq!(bring(&mut prefixes, &config, &text), text.len());
        }
    }

    #[test]
    fn what_was_not_used_for_longest_makes_room() {
        let (config, mut prefixes) = (config(), Prefixes::default());
        let text = |first: u32, n: u32| -> Vec<u32> { (0..n).map(|i| first + i).collect() };
        for first in 0..5 {
            bring(&mut prefixes, &config, &text(1_000 * first, 1_000));
        }
        // Four of a thousand fit.
        assert_eq!(bring(&mut prefixes, &config, &text(1_000, 1_000)), 1_000);
        assert_eq!(bring(&mut prefixes, &config, &text(0, 1_000)), 0);
        assert!(held(&prefixes) <= POSITIONS_MAX);
        // One that is longer than the bound is kept alone.
        bring(&mut prefixes, &config, &text(7, 5_000));
        assert_eq!(prefixes.nodes.len(), 1);
    }

    #[test]
    fn what_others_follow_stays() {
        let (config, mut prefixes) = (config(), Prefixes::default());
        let text: Vec<u32> = (0..2_000).collect();
        let (first, second) = (edited(&text, 1_000), edited(&text, 1_500));
        for text in [&text, &first, &second] {
            bring(&mut prefixes, &config, text);
        }
        assert_eq!(held(&prefixes), 2_000 + 1_000 + 500);
        // The text's own end is the oldest, and what the edits follow is not.
        let other: Vec<u32> = (0..1_000).map(|i| 9_000 + i).collect();
        assert_eq!(bring(&mut prefixes, &config, &other), 0);
        assert_eq!(held(&prefixes), 1_500 + 1_000 + 500 + 1_000);
        for text in [&first, &second] {
            assert_eq!(bring(&mut prefixes, &config, text), 2_000);
        }
        assert_eq!(bring(&mut prefixes, &config, &text), 1_500);
    }

    #[test]
    fn where_there_is_no_room_for_a_copy_the_path_itself_goes_on() {
        let (config, mut prefixes) = (config(), Prefixes::default());
        let mut text: Vec<u32> = (0..1_000).collect();
        for place in [400, 600, 800] {
            bring(&mut prefixes, &config, &text);
            text = edited(&text, place);
        }
        bring(&mut prefixes, &config, &text);
        text.extend(0..1_800);
        assert_eq!(bring(&mut prefixes, &config, &text), 1_000);
        assert_eq!(prefixes.nodes.len(), PATH_MAX);
        let text = edited(&text, 2_700);
        assert_eq!(bring(&mut prefixes, &config, &text), 2_700);
        assert_eq!((prefixes.nodes.len(), held(&prefixes)), (PATH_MAX, 2_800));
    }

    #[test]
    fn any_edits_of_any_texts_hold_what_they_say() {
        let (config, mut prefixes) = (config(), Prefixes::default());
        let mut noise = Noise::new(5);
        let mut below = |n: usize| noise.next() as usize % n;
        let mut texts: Vec<Vec<u32>> = vec![(0..700).collect()];
        for round in 0..120 {
            let mut text = texts[below(texts.len())].clone();
            let at = below(text.len());
            match below(4) {
                0 => text.truncate(at + 1),
                1 => text.extend(0..below(90) as u32),
                2 => text.insert(at, round + 2_000),
                _ => text[at] = round + 3_000,
            }
            bring(&mut prefixes, &config, &text);
            texts.push(text);
        }
        assert!(prefixes.nodes.iter().any(|node| node.from % LANES > 0));
    }
}
