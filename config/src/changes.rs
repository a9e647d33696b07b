//! What a reload changes, and what only a restart can.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use veilgate_names::{AccountId, ChannelId, EnterpriseId, PlatformId, ServiceNumber};

use crate::groups::Label;
use crate::retry::TableName;
use crate::root::Config;
use crate::words::LogLevel;

/// What differs between two configurations and can be taken over while traffic runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Platforms.
    pub platforms: ListChanges<PlatformId>,
    /// Enterprises.
    pub enterprises: ListChanges<EnterpriseId>,
    /// Accounts.
    pub accounts: ListChanges<AccountId>,
    /// Service numbers.
    pub service_numbers: ListChanges<ServiceNumber>,
    /// Channels.
    pub channels: ListChanges<ChannelId>,
    /// Channel groups.
    pub channel_groups: ListChanges<Label>,
    /// Retry tables.
    pub retry_tables: ListChanges<TableName>,
    /// The new log level.
    pub log_level: Option<LogLevel>,
}

impl Changes {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What differs in one list, by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListChanges<Id> {
    /// Only in the new one.
    pub added: Vec<Id>,
    /// In both, with other content.
    pub changed: Vec<Id>,
    /// Only in the old one.
    pub removed: Vec<Id>,
}

impl<Id> ListChanges<Id> {
    /// How many entries were added, changed and removed.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.added.len(), self.changed.len(), self.removed.len())
    }

    /// How many entries differ.
    #[must_use]
    pub fn len(&self) -> usize {
        self.added.len() + self.changed.len() + self.removed.len()
    }

    /// Whether none differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<Id> Default for ListChanges<Id> {
    fn default() -> Self {
        Self { added: Vec::new(), changed: Vec::new(), removed: Vec::new() }
    }
}

/// Names each listed key that differs; the whole section, should it differ in none of them.
macro_rules! restart {
    ($names:ident, $old:ident, $new:ident; $($section:ident { $($field:ident),+ })+) => {$(
        if $old.$section != $new.$section {
            let before = $names.len();
            $(if $old.$section.$field != $new.$section.$field {
                $names.push(concat!(stringify!($section), ".", stringify!($field)).to_owned());
            })+
            if $names.len() == before {
                $names.push(stringify!($section).to_owned());
            }
        }
    )+};
}

impl Config {
    /// Compares two configurations for a reload.
    ///
    /// # Errors
    /// The names of the keys that differ and need a restart; then nothing is to be taken over.
    pub fn reloadable_changes(old: &Self, new: &Self) -> Result<Changes, Vec<String>> {
        let names = needing_restart(old, new);
        if !names.is_empty() {
            return Err(names);
        }
        Ok(Changes {
            platforms: compare(&old.platforms, &new.platforms, |entry| entry.id.clone()),
            enterprises: compare(&old.enterprises, &new.enterprises, |entry| entry.id.clone()),
            accounts: compare(&old.accounts, &new.accounts, |entry| entry.system_id.clone()),
            service_numbers: compare(&old.service_numbers, &new.service_numbers, |entry| entry.number),
            channels: compare(&old.channels, &new.channels, |entry| entry.id.clone()),
            channel_groups: compare(&old.channel_groups, &new.channel_groups, |entry| entry.id.clone()),
            retry_tables: compare(&old.retry_tables, &new.retry_tables, |entry| entry.id.clone()),
            log_level: (old.log.level != new.log.level).then_some(new.log.level),
        })
    }
}

fn needing_restart(old: &Config, new: &Config) -> Vec<String> {
    // A new section does not compile until it is decided on below or in the lists of a reload.
    let Config {
        data_dir: _,
        node: _,
        master_key: _,
        edi_keys: _,
        identity: _,
        north: _,
        platforms: _,
        enterprises: _,
        accounts: _,
        service_numbers: _,
        channels: _,
        // Taken over with the channels and service numbers.
        channel_groups: _,
        health: _,
        retry_tables: _,
        flow: _,
        replies: _,
        opt_out: _,
        policy: _,
        registry: _,
        // Taken over with the accounts.
        guessing: _,
        journal: _,
        ledger: _,
        // Read again each second.
        space: _,
        // Read when one is asked for.
        approvers: _,
        ops: _,
        log: _,
    } = new;
    let mut names = Vec::new();
    for (differs, name) in [
        (old.data_dir != new.data_dir, "data_dir"),
        (old.node != new.node, "node"),
        (old.edi_keys != new.edi_keys, "edi_keys"),
        (old.log.format != new.log.format, "log.format"),
        (old.log.file != new.log.file, "log.file"),
    ] {
        if differs {
            names.push(name.to_owned());
        }
    }
    restart! { names, old, new;
        master_key { file, descriptor, pkcs11 }
        identity { history_floor }
        north {
            listen, allow_plaintext, max_connections, max_connections_per_ip, max_half_open, bind_timeout,
            pdu_timeout, enquire_interval, enquire_misses, response_timeout, window_in, window_full, window_out, max_pdu,
            write_stall, max_backlog, unbind_timeout, lockout_failures, lockout_within, lockout_for, tls
        }
        flow {
            max_live_messages, max_share_percent, max_messages_in_memory, resident_messages, resident_deliveries, max_schedule, past_schedule, max_uncommitted, max_text, remember_ended, max_references, service_types, max_attempts, throttle_backoff_min, throttle_backoff_max, early_receipt_hold, max_early_receipts, max_recent_receipts, late_answer_grace,
            report_timeout, default_validity, max_validity, reply_grace, receipt_lifetime, delivery_retry
        }
        health { answers, within, least, degraded_percent, unhealthy_percent, probe_min, probe_max, probes }
        opt_out { words, beginnings, scope, confirmation, confirm_every }
        replies { tie_break, quarantine, part_timeout, max_parts, max_parts_per_writer, max_octets }
        policy { shipped_limits }
        registry { keep_expired }
        journal { engine, segment_bytes, capacity_bytes, compact_below_percent, group_max }
        ledger { carrier, cdr_dir, audit_file, rotate_every, rotate_bytes, keep_cdrs, number_key_life, keep_numbers, audit_key_file }
        ops { listen, socket, token_file, ready_channels }
    }
    names.extend(rewidened(old, new));
    names
}

/// Service numbers whose extensions got another width: what is allotted already could not be read any more.
fn rewidened<'a>(old: &'a Config, new: &'a Config) -> impl Iterator<Item = String> + 'a {
    let widths: HashMap<_, _> =
        old.service_numbers.iter().map(|entry| (entry.number, entry.extension_digits)).collect();
    new.service_numbers.iter().enumerate().filter_map(move |(index, entry)| {
        let differs = widths.get(&entry.number).is_some_and(|width| *width != entry.extension_digits);
        differs.then(|| format!("service_numbers[{index}].extension_digits"))
    })
}

fn compare<'a, T: PartialEq, Id: Eq + Hash + Clone>(
    old: &'a [T],
    new: &'a [T],
    id: fn(&'a T) -> Id,
) -> ListChanges<Id> {
    let before: HashMap<Id, &T> = old.iter().map(|entry| (id(entry), entry)).collect();
    let after: HashSet<Id> = new.iter().map(id).collect();
    let mut changes = ListChanges::default();
    for entry in new {
        match before.get(&id(entry)) {
            None => changes.added.push(id(entry)),
            Some(known) if **known != *entry => changes.changed.push(id(entry)),
            Some(_) => {}
        }
    }
    changes.removed = old.iter().map(id).filter(|id| !after.contains(id)).collect();
    changes
}

#[cfg(test)]
mod tests;
