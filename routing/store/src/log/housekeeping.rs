//! Keeps the folder small and a spare segment ready, a bounded step at a time.
//!
//! The spare is made of a segment that nothing needs, if there is one: its blocks lie on the disk already, so it need not
//! be filled. Deleting a file holds up the syncs of others where the file system discards blocks (a millisecond for each
//! MiB), so what is not kept is cut off piece by piece.
//!
//! Removed are sealed segments without a live record whose deletions guard against nothing any more. Mostly dead ones
//! are emptied first: their live records, and the deletions still needed, are appended to the log as an ordinary
//! commit, and only then may the segment go. That waits until there is much to be won (`Config::slack_octets`): what lies in a young segment
//! may die by itself, and whatever is moved may have to be moved again. Each removal is made durable before the next is considered, for the
//! order in which segments vanish is what keeps deleted keys deleted.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::disk::{Disk, DiskFile};
use super::frame::{Frame, FrameHeader, SEGMENT_HEADER};
use super::index::{Guard, Index, Segment};
use super::writer::{Room, Shared, Writer, places};
use super::{SPARE, segment_name};
use crate::batch::{Batch, MAX_BATCH, Record};
use crate::error::{Damage, StoreError};
use crate::store::{Budget, Maintained};

/// What is under way between two steps.
#[derive(Default)]
pub(super) struct Upkeep {
    spare: Option<Filling>,
    victim: Option<Victim>,
    /// Former segments that wait to become the spare.
    retired: Vec<Retired>,
    /// Those that are not needed.
    going: Vec<Retired>,
}

/// A file that is no segment any more.
struct Retired {
    name: String,
    file: Arc<dyn DiskFile>,
    length: u64,
}

/// The most former segments that are kept.
const MAX_RETIRED: usize = 2;

/// Octets that are cut off a file at once.
const CUT: u64 = 4 << 20;

/// A spare being filled with zeros, from where it holds something already. Blocks that are there need no journal entry
/// when they are written: a sync then costs half as much.
struct Filling {
    file: Arc<dyn DiskFile>,
    filled: u64,
}

/// A segment being emptied, and how far.
#[derive(Clone, Copy)]
struct Victim {
    id: u32,
    offset: u64,
}

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

impl Upkeep {
    pub(super) fn step(
        &mut self,
        shared: &Shared,
        writer: &Mutex<Writer>,
        budget: Budget,
    ) -> Result<Maintained, StoreError> {
        shared.writable()?;
        let mut done = Maintained::default();
        let sealed_below = {
            let writer = writer.lock();
            writer.active.as_ref().map_or(writer.next_segment, |active| active.id)
        };
        seal(shared, sealed_below)?;
        self.remove_dead(shared, sealed_below, &mut done)?;
        done.more |= self.cut_one(shared);
        if writer.lock().spare.is_none() {
            done.more = true;
            return self.fill_spare(shared, writer, budget).map(|()| done);
        }
        let victim = self.victim.take().or_else(|| choose_victim(shared, sealed_below));
        let Some(mut victim) = victim else { return Ok(done) };
        done.more = true;
        if self.empty(shared, writer, budget, &mut victim, &mut done)? {
            self.remove(shared, victim.id)?;
            done.segments_removed += 1;
        }
        Ok(done)
    }

    /// Takes over what an earlier opener left in the folder.
    pub(super) fn adopt(&mut self, disk: &dyn Disk, names: &[String]) -> io::Result<()> {
        for name in names.iter().filter(|name| is_retired(name)) {
            if self.retired.len() < MAX_RETIRED {
                let file = disk.open(name)?;
                let length = file.length()?;
                self.retired.push(Retired { name: name.clone(), file, length });
            } else {
                disk.remove(name)?;
            }
        }
        Ok(())
    }

    /// Makes a file that is not needed a piece shorter, or removes it; tells whether there was one. If that fails it is
    /// left to the next opener.
    fn cut_one(&mut self, shared: &Shared) -> bool {
        let Some(file) = self.going.last_mut() else { return false };
        file.length = file.length.saturating_sub(CUT);
        let cut =
            if file.length == 0 { shared.disk.remove(&file.name) } else { file.file.truncate(file.length) };
        if cut.is_err() || file.length == 0 {
            self.going.pop();
        }
        true
    }

    fn fill_spare(
        &mut self,
        shared: &Shared,
        writer: &Mutex<Writer>,
        budget: Budget,
    ) -> Result<(), StoreError> {
        match self.try_fill_spare(shared, budget) {
            Ok(Some(file)) => writer.lock().spare = Some(file),
            Ok(None) => {}
            Err(error) => {
                // Gives the room back. That the removal is durable does not matter.
                self.spare = None;
                let _ = shared.disk.remove(SPARE);
                for retired in self.retired.drain(..) {
                    let _ = shared.disk.remove(&retired.name);
                }
                return Err(error.into());
            }
        }
        Ok(())
    }

    fn try_fill_spare(&mut self, shared: &Shared, budget: Budget) -> io::Result<Option<Arc<dyn DiskFile>>> {
        let mut filling = match self.spare.take() {
            Some(filling) => filling,
            None => self.begin_spare(shared)?,
        };
        let length = u64::from(shared.config.segment_octets);
        let until = length.min(filling.filled.saturating_add(budget.octets.max(1)));
        while filling.filled < until {
            let octets = usize::try_from(until - filling.filled).unwrap_or(usize::MAX).min(ZEROS.len());
            filling.file.write_at(ZEROS.get(..octets).unwrap_or_default(), filling.filled)?;
            filling.filled += u64::try_from(octets).unwrap_or(0);
        }
        filling.file.sync()?;
        if filling.filled >= length {
            return Ok(Some(filling.file));
        }
        self.spare = Some(filling);
        Ok(None)
    }

    fn begin_spare(&mut self, shared: &Shared) -> io::Result<Filling> {
        match self.retired.pop() {
            Some(retired) => {
                shared.disk.rename(&retired.name, SPARE)?;
                Ok(Filling { file: retired.file, filled: retired.length })
            }
            None => Ok(Filling { file: shared.disk.create(SPARE)?, filled: 0 }),
        }
    }

    /// Removes every segment that nothing needs.
    fn remove_dead(
        &mut self,
        shared: &Shared,
        sealed_below: u32,
        done: &mut Maintained,
    ) -> Result<(), StoreError> {
        loop {
            let dead = {
                let mut index = shared.index.write();
                let idle = |(id, segment): &(u32, &Segment)| is_idle(*id, segment, sealed_below);
                let idle: Vec<u32> = index.segments().filter(idle).map(|(id, _)| id).collect();
                idle.iter().for_each(|id| index.relieve(*id));
                idle.into_iter().find(|id| index.segment(*id).is_some_and(Segment::is_dead))
            };
            let Some(id) = dead else { return Ok(()) };
            self.remove(shared, id)?;
            done.segments_removed += 1;
        }
    }

    /// Takes a segment out of the log; its file is kept where it can become the spare.
    fn remove(&mut self, shared: &Shared, id: u32) -> Result<(), StoreError> {
        let octets = u64::from(shared.config.segment_octets);
        let found =
            shared.index.read().segment(id).map(|segment| (Arc::clone(&segment.file), segment.length));
        let name = segment_name(id);
        if let Some((file, length)) = found {
            let retired = Retired { name: retired_name(id), file, length };
            match shared.disk.rename(&name, &retired.name) {
                Ok(()) if self.retired.len() < MAX_RETIRED && length <= octets && length > octets / 2 => {
                    self.retired.push(retired);
                }
                Ok(()) => self.going.push(retired),
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                Err(_) => {}
            }
        }
        shared.disk.sync_names().map_err(|error| shared.poison(&error))?;
        shared.index.write().remove_segment(id);
        Ok(())
    }

    /// Copies what is needed of the victim's next frames. `true` once nothing in it is needed.
    fn empty(
        &mut self,
        shared: &Shared,
        writer: &Mutex<Writer>,
        budget: Budget,
        victim: &mut Victim,
        done: &mut Maintained,
    ) -> Result<bool, StoreError> {
        let chunk = match read_chunk(shared, *victim, budget)? {
            Some(chunk) => chunk,
            None => return Ok(false),
        };
        let Some(moved) = move_frames(shared, writer, victim.id, victim.offset, &chunk.octets)? else {
            return Ok(false);
        };
        done.octets_moved += moved;
        victim.offset += u64::try_from(chunk.octets.len()).unwrap_or(0);
        if chunk.last {
            return Ok(true);
        }
        self.victim = Some(*victim);
        Ok(false)
    }
}

/// Whole frames of a segment.
struct Chunk {
    octets: Vec<u8>,
    last: bool,
}

/// The frames at the victim's offset: as many as fit the budget, at least one. `None` if they cannot be read as such.
fn read_chunk(shared: &Shared, victim: Victim, budget: Budget) -> Result<Option<Chunk>, StoreError> {
    let Some((file, end)) = shared.index.read().segment(victim.id).map(|s| (Arc::clone(&s.file), s.end))
    else {
        return Ok(None);
    };
    let left = end.saturating_sub(victim.offset);
    let mut length = left.min(budget.octets.clamp(4 << 10, 8 << 20));
    loop {
        let mut octets = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        if file.read_at(&mut octets, victim.offset).is_err() {
            shared.note_damage(Damage::at(victim.id, victim.offset));
            return Ok(None);
        }
        let whole = whole_frames(&octets, victim.id);
        if whole > 0 || left == 0 {
            octets.truncate(whole);
            let last = u64::try_from(whole).unwrap_or(0) == left;
            return Ok(Some(Chunk { octets, last }));
        }
        let needed = FrameHeader::parse(&octets, victim.id)
            .map_or(u64::MAX, |h| u64::try_from(h.frame_octets()).unwrap_or(0));
        if needed > left {
            shared.note_damage(Damage::at(victim.id, victim.offset));
            return Ok(None);
        }
        length = needed;
    }
}

/// How many octets at the start are whole frames by their headers.
fn whole_frames(octets: &[u8], segment: u32) -> usize {
    let mut whole = 0;
    while let Some(frame) = octets.get(whole..).and_then(|rest| Frame::split(rest, segment)) {
        whole += frame.header.frame_octets();
    }
    whole
}

/// Appends the needed records of `frames` to the log. `None` if a record is damaged: the segment is kept then.
fn move_frames(
    shared: &Shared,
    writer: &Mutex<Writer>,
    victim: u32,
    offset: u64,
    frames: &[u8],
) -> Result<Option<u64>, StoreError> {
    let needed = match needed_records(shared, victim, offset, frames) {
        Ok(needed) => needed,
        Err(damage) => {
            shared.note_damage(damage);
            return Ok(None);
        }
    };
    if needed.is_empty() {
        return Ok(Some(0));
    }
    // Holds up commits, so that nothing changes between looking and writing. What is not needed by now never will be.
    let mut writer = writer.lock();
    let mut moving = Moving::default();
    for (place, record) in &needed {
        moving.take(&mut shared.index.write(), victim, *place, record)?;
    }
    let (batches, guards, moved) = moving.finish();
    if let Some((segment, start)) = writer.commit(shared, &batches, Room::Reserve)? {
        let mut index = shared.index.write();
        let deletions = places(start, &batches).filter(|(_, record)| record.change.value.is_none());
        for ((offset, _), guard) in deletions.zip(guards) {
            index.guard(segment, guard.at(offset));
        }
    }
    Ok(Some(moved))
}

/// The records of a victim's frames that are needed at this moment, and where they lie in it.
fn needed_records<'a>(
    shared: &Shared,
    victim: u32,
    offset: u64,
    frames: &'a [u8],
) -> Result<Vec<(u32, Record<'a>)>, Damage> {
    let mut needed = Vec::new();
    let mut at = 0;
    while let Some(frame) = frames.get(at..).and_then(|rest| Frame::split(rest, victim)) {
        let start = offset + u64::try_from(at).unwrap_or(0);
        let index = shared.index.read();
        for (offset, record) in frame.records() {
            let place = start + u64::try_from(offset).unwrap_or(0);
            if !record.is_whole() {
                return Err(record.damage(victim, place));
            }
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            if is_needed(&index, victim, place, &record) {
                needed.push((place, record));
            }
        }
        at += frame.header.frame_octets();
    }
    Ok(needed)
}

fn is_needed(index: &Index, victim: u32, place: u32, record: &Record<'_>) -> bool {
    let change = record.change;
    match change.value {
        Some(_) => index.is_live(change.space, change.key, victim, place),
        None => index.guard_at(victim, place).is_some(),
    }
}

/// Records on their way from a victim to the end of the log.
#[derive(Default)]
struct Moving {
    full: Vec<Batch>,
    batch: Batch,
    moved: u64,
    /// Of the deletions among them, in their order.
    guards: Vec<Guard>,
}

impl Moving {
    /// Takes a record along if it is still needed.
    fn take(
        &mut self,
        index: &mut Index,
        victim: u32,
        place: u32,
        record: &Record<'_>,
    ) -> Result<(), StoreError> {
        let change = record.change;
        if change.value.is_some() && !index.is_live(change.space, change.key, victim, place) {
            return Ok(());
        }
        let batch = self.batch(record.octets);
        if let Some(value) = change.value {
            batch.put(change.space, change.key, value)?;
        } else {
            let guard = index.guard_at(victim, place);
            let Some(guard) = guard.filter(|guard| !index.inherit(change.space, change.key, *guard)) else {
                return Ok(());
            };
            batch.delete(change.space, change.key)?;
            self.guards.push(guard);
        }
        self.moved += u64::try_from(record.octets).unwrap_or(0);
        Ok(())
    }

    /// The batch that has room for so many octets more.
    fn batch(&mut self, octets: usize) -> &mut Batch {
        if self.batch.octets() + octets > MAX_BATCH {
            self.full.push(std::mem::take(&mut self.batch));
        }
        &mut self.batch
    }

    fn finish(self) -> (Vec<Batch>, Vec<Guard>, u64) {
        let mut batches = self.full;
        batches.push(self.batch);
        (batches, self.guards, self.moved)
    }
}

/// Cuts off what the files held before they became these segments, so that their ends can be told without the next one.
fn seal(shared: &Shared, sealed_below: u32) -> Result<(), StoreError> {
    loop {
        let open = {
            let index = shared.index.read();
            let is_open = |(id, segment): &(u32, &Segment)| *id < sealed_below && !segment.sealed;
            index.segments().find(is_open).map(|(id, segment)| (id, Arc::clone(&segment.file), segment.end))
        };
        let Some((id, file, end)) = open else { return Ok(()) };
        file.truncate(end)?;
        file.sync().map_err(|error| shared.poison(&error))?;
        if let Some(segment) = shared.index.write().segment_mut(id) {
            (segment.length, segment.sealed) = (end, true);
        }
    }
}

fn retired_name(id: u32) -> String {
    format!("retired-{id:010}.old")
}

fn is_retired(name: &str) -> bool {
    name.starts_with("retired-") && name.ends_with(".old")
}

/// The segment that is best emptied now, if there is much to be won: old ones first, since what is still needed of them
/// stays so, unless little is needed of a younger one.
fn choose_victim(shared: &Shared, sealed_below: u32) -> Option<Victim> {
    let index = shared.index.read();
    let idle = || index.segments().filter(|(id, segment)| is_idle(*id, segment, sealed_below));
    let dead = |segment: &Segment| segment.end.saturating_sub(segment.needed_octets());
    let slack = shared.config.slack_octets.min(shared.config.capacity_octets / 4);
    if idle().map(|(_, segment)| dead(segment)).sum::<u64>() <= slack {
        return None;
    }
    let needed_percent = |segment: &Segment| segment.needed_octets().saturating_mul(100) / segment.end.max(1);
    // What is won for what it costs, by how long it stays won (Rosenblum and Ousterhout, LFS).
    let worth = |id: u32, segment: &Segment| {
        let age = u64::from(sealed_below.saturating_sub(id));
        dead(segment).saturating_mul(age << 10) / (segment.end + segment.needed_octets()).max(1)
    };
    idle()
        .filter(|(_, segment)| needed_percent(segment) < u64::from(shared.config.compact_below_percent))
        .max_by_key(|(id, segment)| worth(*id, segment))
        .map(|(id, _)| Victim { id, offset: u64::try_from(SEGMENT_HEADER).unwrap_or(0) })
}

/// Whether nothing is appended to it any more and it may be touched at all.
fn is_idle(id: u32, segment: &Segment, sealed_below: u32) -> bool {
    id < sealed_below && segment.sealed && segment.damaged == 0
}
