//! Watches the room left for journal, CDR files and audit file. While it is low, submits and replies are put off, so
//! that what ends messages (deletions, receipts, CDRs) still finds some; with a hysteresis it lifts by itself.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use veilgate_store::Usage;

use crate::telemetry::Telemetry;
use crate::telemetry::events::{SpaceBack, SpaceLow};
use crate::telemetry::words::StorageUse;

/// When room counts as low.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpaceRules {
    /// Octets that must stay free on each file system; 0 watches none.
    pub min_free: u64,
    /// Octets the journal may take at most.
    pub journal_capacity: u64,
    /// Percent of these that count as low.
    pub journal_percent: u8,
}

/// See the module.
pub struct Space {
    state: Mutex<State>,
    low: AtomicBool,
}

struct State {
    rules: SpaceRules,
    watched: Vec<Watched>,
    journal_low: bool,
}

struct Watched {
    storage: StorageUse,
    path: PathBuf,
    low: bool,
}

impl Space {
    /// Watches the file systems on which these lie. A path that is not there yet is looked for each time.
    #[must_use]
    pub fn new(rules: SpaceRules, paths: Vec<(StorageUse, PathBuf)>) -> Self {
        let watched = paths.into_iter().map(|(storage, path)| Watched { storage, path, low: false });
        let state = State { rules, watched: watched.collect(), journal_low: false };
        Self { state: Mutex::new(state), low: AtomicBool::new(false) }
    }

    /// Whether nothing new should be taken. One atomic load.
    #[must_use]
    pub fn is_low(&self) -> bool {
        self.low.load(Ordering::Relaxed)
    }

    /// Other rules from the next look on.
    pub fn set_rules(&self, rules: SpaceRules) {
        self.state.lock().rules = rules;
    }

    /// Looks how much room there is. `free` asks a file system for its free octets; where it does not say, the last
    /// word stays.
    pub fn look(&self, journal: Usage, telemetry: &Telemetry, free: impl Fn(&Path) -> Option<u64>) {
        let mut state = self.state.lock();
        let State { rules, watched, journal_low } = &mut *state;
        for each in watched.iter_mut() {
            let Some(octets) = free(&each.path) else { continue };
            telemetry.metrics.space.free(each.storage, octets);
            let bound =
                if each.low { rules.min_free.saturating_add(rules.min_free / 4) } else { rules.min_free };
            turn(&mut each.low, octets < bound, each.storage, octets, telemetry);
        }
        let left = rules.journal_capacity.saturating_sub(journal.octets);
        let percent = u64::from(rules.journal_percent) - if *journal_low { 5 } else { 0 };
        let bound = u128::from(rules.journal_capacity) * u128::from(percent) / 100;
        turn(journal_low, u128::from(journal.octets) >= bound, StorageUse::Journal, left, telemetry);
        let low = *journal_low || watched.iter().any(|each| each.low);
        self.low.store(low, Ordering::Relaxed);
        telemetry.metrics.space.low.set(low.into());
    }
}

/// Free octets of the file system on which a path lies; its folder's if it is not there yet.
#[must_use]
pub fn free_octets(path: &Path) -> Option<u64> {
    let found = nix::sys::statvfs::statvfs(path)
        .ok()
        .or_else(|| path.parent().and_then(|folder| nix::sys::statvfs::statvfs(folder).ok()))?;
    Some(found.blocks_available().saturating_mul(found.fragment_size()))
}

/// Notes that one has become low or not, and says so.
fn turn(was: &mut bool, is: bool, storage: StorageUse, free_octets: u64, telemetry: &Telemetry) {
    match (std::mem::replace(was, is), is) {
        (false, true) => SpaceLow { storage, free_octets }.emit(telemetry),
        (true, false) => SpaceBack { storage, free_octets }.emit(telemetry),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use veilgate_config::{LogFormat, LogLevel};

    use super::*;
    use crate::clock;

    const RULES: SpaceRules = SpaceRules { min_free: 1000, journal_capacity: 10_000, journal_percent: 90 };

    fn telemetry() -> Telemetry {
        Telemetry::with_writer(LogLevel::Info, LogFormat::Json, clock::wall, std::io::sink())
    }

    fn used(octets: u64) -> Usage {
        Usage { octets, ..Usage::default() }
    }

    #[test]
    fn a_file_system_that_runs_full_is_low_until_there_is_clearly_room() {
        let space =
            Space::new(RULES, vec![(StorageUse::Cdr, "/cdr".into()), (StorageUse::Audit, "/audit".into())]);
        let telemetry = telemetry();
        for (cdr, audit, low) in [
            (5000, 1000, false),
            (999, 5000, true),
            (1249, 5000, true),
            (1249, 999, true),
            (1250, 5000, false),
            (1000, 1249, false),
        ] {
            space.look(used(0), &telemetry, |path| Some(if path == Path::new("/cdr") { cdr } else { audit }));
            assert_eq!(space.is_low(), low, "{cdr} {audit}");
        }
    }

    #[test]
    fn a_journal_near_its_capacity_is_low() {
        let space = Space::new(RULES, Vec::new());
        let telemetry = telemetry();
        for (octets, low) in
            [(8999, false), (9000, true), (8500, true), (8499, false), (20_000, true), (0, false)]
        {
            space.look(used(octets), &telemetry, |_| None);
            assert_eq!(space.is_low(), low, "{octets}");
        }
    }

    #[test]
    fn rules_may_change_and_a_silent_file_system_changes_nothing() {
        let space = Space::new(RULES, vec![(StorageUse::Journal, "/journal".into())]);
        let telemetry = telemetry();
        space.look(used(0), &telemetry, |_| Some(500));
        space.look(used(0), &telemetry, |_| None);
        assert!(space.is_low(), "the last word stays");
        space.set_rules(SpaceRules { min_free: 0, ..RULES });
        space.look(used(0), &telemetry, |_| Some(500));
        assert!(!space.is_low());
        let text = telemetry.metrics.encode().unwrap();
        assert!(text.contains("veilgate_storage_free_bytes{storage=\"journal\"} 500"), "{text}");
    }

    #[test]
    fn the_system_says_how_much_is_free() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free_octets(folder.path()).is_some());
        assert!(free_octets(&folder.path().join("not there yet")).is_some());
        assert_eq!(free_octets(Path::new("/not/there/at/all")), None);
    }
}
