//! Messages and deliveries of which only the record is kept, in order of arrival: 16 octets each, in blocks, so that a long line grows and
//! shrinks without being moved, and so that those that expire are found without looking at each.

use std::collections::VecDeque;

use veilgate_names::{MessageId, Timestamp};

/// Slips in a block.
const BLOCK: usize = 256;

/// One of them in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slip {
    pub(crate) id: MessageId,
    /// The second, from 1970, in which it has expired.
    pub(crate) expires: u32,
    /// What the line's owner finds it by.
    pub(crate) tag: u32,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Line {
    blocks: VecDeque<Block>,
    /// How many blocks have left the front: a block's number stays the same.
    gone: u64,
    len: usize,
    /// Nothing in it expires before; a bound, not always reached.
    earliest: u32,
}

#[derive(Debug)]
struct Block {
    slips: VecDeque<Slip>,
    earliest: u32,
}

/// The second in which something has expired that expires `at`.
pub(crate) fn second_after(at: Timestamp) -> u32 {
    let second = at.0.saturating_add(999).div_euclid(1000);
    u32::try_from(second.max(0)).unwrap_or(u32::MAX)
}

/// The second that it is.
pub(crate) fn second_of(at: Timestamp) -> u32 {
    u32::try_from(at.0.div_euclid(1000).max(0)).unwrap_or(u32::MAX)
}

impl Line {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn earliest(&self) -> u32 {
        if self.len == 0 { u32::MAX } else { self.earliest }
    }

    pub(crate) fn push(&mut self, slip: Slip) {
        if self.blocks.back().is_none_or(|block| block.slips.len() >= BLOCK) {
            self.blocks.push_back(Block { slips: VecDeque::new(), earliest: u32::MAX });
        }
        self.earliest = if self.len == 0 { slip.expires } else { self.earliest.min(slip.expires) };
        self.len += 1;
        if let Some(block) = self.blocks.back_mut() {
            block.earliest = block.earliest.min(slip.expires);
            block.slips.push_back(slip);
        }
    }

    /// Puts back what [`Self::pop`] gave, last first.
    pub(crate) fn put_back(&mut self, slip: Slip) {
        if self.blocks.is_empty() {
            return self.push(slip);
        }
        self.earliest = self.earliest().min(slip.expires);
        self.len += 1;
        if let Some(block) = self.blocks.front_mut() {
            block.earliest = block.earliest.min(slip.expires);
            block.slips.push_front(slip);
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Slip> {
        self.drop_empty();
        let slip = self.blocks.front_mut()?.slips.pop_front()?;
        self.len -= 1;
        Some(slip)
    }

    /// Lets empty blocks at the front go.
    fn drop_empty(&mut self) {
        while self.blocks.front().is_some_and(|block| block.slips.is_empty()) {
            self.blocks.pop_front();
            self.gone += 1;
        }
    }

    /// How many are `wanted`. Looks at each.
    pub(crate) fn count(&self, wanted: impl Fn(u32) -> bool) -> usize {
        let slips = self.blocks.iter().flat_map(|block| &block.slips);
        slips.filter(|slip| wanted(slip.tag)).count()
    }

    /// Takes one out.
    pub(crate) fn remove(&mut self, id: MessageId) -> Option<Slip> {
        let found = self.blocks.iter_mut().find_map(|block| {
            let place = block.slips.iter().position(|slip| slip.id == id)?;
            block.slips.remove(place)
        });
        self.len -= usize::from(found.is_some());
        found
    }

    /// Takes out what has expired by `second`, about `most` of it.
    pub(crate) fn expire(&mut self, second: u32, most: usize, out: &mut Vec<Slip>) {
        if self.earliest() > second {
            return;
        }
        let before = out.len();
        let mut earliest = u32::MAX;
        for block in &mut self.blocks {
            if out.len() - before >= most {
                // Whatever is left may expire at any time.
                earliest = 0;
                break;
            }
            if block.earliest <= second {
                block.take(|slip| slip.expires <= second, out);
                block.earliest = block.slips.iter().map(|slip| slip.expires).min().unwrap_or(u32::MAX);
            }
            earliest = earliest.min(block.earliest);
        }
        self.earliest = earliest;
        self.len -= out.len() - before;
        self.drop_empty();
    }

    /// Takes out what is `wanted`, from block number `from` on, looking at about `budget` of them. Gives the number of
    /// the block to go on with, or `None` at the end.
    pub(crate) fn sift(
        &mut self,
        from: u64,
        budget: &mut usize,
        wanted: impl Fn(u32) -> bool,
        out: &mut Vec<Slip>,
    ) -> Option<u64> {
        let before = out.len();
        let mut number = from.max(self.gone);
        while let Some(block) =
            usize::try_from(number - self.gone).ok().and_then(|place| self.blocks.get_mut(place))
        {
            if *budget == 0 {
                self.len -= out.len() - before;
                return Some(number);
            }
            *budget = budget.saturating_sub(block.slips.len().max(1));
            if block.slips.iter().any(|slip| wanted(slip.tag)) {
                block.take(|slip| wanted(slip.tag), out);
            }
            number += 1;
        }
        self.len -= out.len() - before;
        None
    }
}

impl Block {
    fn take(&mut self, mut leaves: impl FnMut(&Slip) -> bool, out: &mut Vec<Slip>) {
        self.slips.retain(|slip| {
            let leaves = leaves(slip);
            if leaves {
                out.push(*slip);
            }
            !leaves
        });
    }
}
