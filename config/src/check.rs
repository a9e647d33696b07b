//! What the parts of a file must be to each other: names that exist, once; limits in order; nothing ambiguous.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::hash::Hash;

use veilgate_names::{AccountKind, ChannelId, EnterpriseId, PlatformId, ServiceNumber};

use crate::error::Mistake;
use crate::parties::Account;
use crate::root::{Config, MasterKey};
use crate::south::{Channel, ServiceNumberEntry};
use crate::words::{BindMode, Long, Proof};

/// Entries of one list at most.
const LIST_MAX: usize = 100_000;

type Checked = Result<(), Mistake>;

/// The names that other entries may refer to.
struct Known<'a> {
    platforms: HashSet<&'a PlatformId>,
    enterprises: HashSet<&'a EnterpriseId>,
    channels: HashSet<&'a ChannelId>,
    service_numbers: HashMap<ServiceNumber, &'a EnterpriseId>,
    tls: bool,
}

/// Finds the first mistake.
pub(crate) fn check(config: &Config) -> Checked {
    lists(config)?;
    master_key(config)?;
    north(config)?;
    platforms(config)?;
    edi_keys(config)?;
    let known = Known {
        platforms: config.platforms.iter().map(|platform| &platform.id).collect(),
        enterprises: config.enterprises.iter().map(|enterprise| &enterprise.id).collect(),
        channels: config.channels.iter().map(|channel| &channel.id).collect(),
        service_numbers: config
            .service_numbers
            .iter()
            .map(|entry| (entry.number, &entry.enterprise))
            .collect(),
        tls: config.north.tls.is_some(),
    };
    for (index, entry) in config.accounts.iter().enumerate() {
        account(&known, entry, &format!("accounts[{index}]"))?;
    }
    for (index, channel) in config.channels.iter().enumerate() {
        channel_alone(channel, &format!("channels[{index}]"))?;
    }
    for (index, entry) in config.service_numbers.iter().enumerate() {
        service_number(&known, entry, &format!("service_numbers[{index}]"))?;
    }
    prefixes(&config.service_numbers)?;
    if usize::try_from(config.ops.ready_channels.get()).is_ok_and(|needed| needed > config.channels.len()) {
        return Err(Mistake::new("ops.ready_channels", "more than there are channels"));
    }
    if config.ops.token_file.is_some() && !config.ops.listen.ip().is_loopback() {
        return Err(Mistake::new(
            "ops.token_file",
            "tokens go over plain HTTP: the API needs ops.listen on the loopback, behind whatever ends TLS",
        ));
    }
    opt_out(config)?;
    crate::retry::check(config)?;
    crate::groups::check(config)?;
    flow(config)
}

fn lists(config: &Config) -> Checked {
    if config.channels.is_empty() {
        return Err(Mistake::new("channels", "at least one [[channels]] is needed"));
    }
    once("edi_keys", "kid", config.edi_keys.iter().map(|key| &key.kid))?;
    once("platforms", "id", config.platforms.iter().map(|platform| &platform.id))?;
    once("enterprises", "id", config.enterprises.iter().map(|enterprise| &enterprise.id))?;
    once("accounts", "system_id", config.accounts.iter().map(|account| &account.system_id))?;
    once("service_numbers", "number", config.service_numbers.iter().map(|entry| &entry.number))?;
    once("channels", "id", config.channels.iter().map(|channel| &channel.id))?;
    once("channel_groups", "id", config.channel_groups.iter().map(|group| &group.id))?;
    once("retry_tables", "id", config.retry_tables.iter().map(|table| &table.id))?;
    once("approvers", "name", config.approvers.iter().map(|approver| approver.name.as_str()))
}

fn once<T: Hash + Eq + Display>(list: &str, key: &str, ids: impl Iterator<Item = T>) -> Checked {
    let mut seen = HashSet::new();
    for (index, id) in ids.enumerate() {
        if index >= LIST_MAX {
            return Err(Mistake::new(list, format!("more than {LIST_MAX} entries")));
        }
        let again = format!("\"{id}\" is there twice");
        if !seen.insert(id) {
            return Err(Mistake::new(format!("{list}[{index}].{key}"), again));
        }
    }
    Ok(())
}

fn north(config: &Config) -> Checked {
    let north = &config.north;
    if north.listen.is_none() && north.tls.is_none() {
        return Err(Mistake::new("north.listen", "off, and there is no [north.tls]: nobody could bind"));
    }
    if north.listen.is_some_and(|at| !at.ip().is_loopback()) && !north.allow_plaintext {
        return Err(Mistake::new(
            "north.listen",
            "plain SMPP beyond the loopback needs allow_plaintext = true; use [north.tls]",
        ));
    }
    if north.max_half_open > north.max_connections {
        return Err(Mistake::new("north.max_half_open", "more than max_connections"));
    }
    match &north.tls {
        Some(tls) if Some(tls.listen) == north.listen => {
            Err(Mistake::new("north.tls.listen", "the same address as north.listen"))
        }
        _ => Ok(()),
    }
}

fn master_key(config: &Config) -> Checked {
    let MasterKey { file, descriptor, pkcs11 } = &config.master_key;
    if usize::from(file.is_some()) + usize::from(descriptor.is_some()) + usize::from(pkcs11.is_some()) > 1 {
        return Err(Mistake::new("master_key", "more than one of file, descriptor and pkcs11"));
    }
    match pkcs11 {
        Some(token) if token.pin_file.is_some() == token.pin_descriptor.is_some() => {
            Err(Mistake::new("master_key.pkcs11", "exactly one of pin_file and pin_descriptor is needed"))
        }
        _ => Ok(()),
    }
}

fn edi_keys(config: &Config) -> Checked {
    let platforms: HashSet<_> = config.platforms.iter().map(|platform| &platform.id).collect();
    for (index, key) in config.edi_keys.iter().enumerate() {
        let fail =
            |name: &str, problem: &str| Err(Mistake::new(format!("edi_keys[{index}].{name}"), problem));
        if !key.allow_gcm && !key.allow_legacy {
            fail("allow_gcm", "false, and so is allow_legacy: the key could open nothing")?;
        }
        if let Some(owner) = key.owner.as_ref().filter(|owner| !platforms.contains(owner)) {
            fail("owner", &format!("there is no platform \"{owner}\""))?;
        }
    }
    Ok(())
}

fn platforms(config: &Config) -> Checked {
    for (index, platform) in config.platforms.iter().enumerate() {
        if platform.proof == Proof::Required && platform.public_key.is_none() {
            return Err(Mistake::new(
                format!("platforms[{index}].public_key"),
                "missing (proof is \"required\")",
            ));
        }
    }
    Ok(())
}

fn account(known: &Known<'_>, account: &Account, at: &str) -> Checked {
    let fail = |key: &str, problem: &str| Err(Mistake::new(format!("{at}.{key}"), problem));
    match (account.kind, &account.platform, &account.enterprise) {
        (AccountKind::Notary, None, _) => fail("platform", "missing (kind is \"notary\")")?,
        (AccountKind::Notary, _, Some(_)) => fail("enterprise", "not for an account of kind \"notary\"")?,
        (AccountKind::Enterprise, _, None) => fail("enterprise", "missing (kind is \"enterprise\")")?,
        (AccountKind::Enterprise, Some(_), _) => {
            fail("platform", "not for an account of kind \"enterprise\"")?
        }
        (AccountKind::Notary, Some(id), None) => {
            if !known.platforms.contains(id) {
                fail("platform", &format!("there is no platform \"{id}\""))?;
            }
        }
        (AccountKind::Enterprise, None, Some(id)) => enterprise(known, id, at)?,
    }
    if account.allow_from.is_empty() {
        fail("allow_from", "empty: nobody could bind")?;
    }
    if account.certificate_sha256.is_some() && !known.tls {
        fail("certificate_sha256", "needs [north.tls]")?;
    }
    let Some(number) = &account.default_service_number else { return Ok(()) };
    match known.service_numbers.get(number) {
        None => fail("default_service_number", &format!("there is no service number \"{number}\"")),
        Some(owner) if account.enterprise.as_ref().is_some_and(|own| own != *owner) => {
            fail("default_service_number", "belongs to another enterprise")
        }
        Some(_) => Ok(()),
    }
}

fn enterprise(known: &Known<'_>, id: &EnterpriseId, at: &str) -> Checked {
    if known.enterprises.contains(id) {
        Ok(())
    } else {
        Err(Mistake::new(format!("{at}.enterprise"), format!("there is no enterprise \"{id}\"")))
    }
}

fn channel_alone(channel: &Channel, at: &str) -> Checked {
    let fail = |key: &str, problem: &str| Err(Mistake::new(format!("{at}.{key}"), problem));
    if channel.password.is_some() && channel.password_file.is_some() {
        fail("password_file", "there is a password too; keep one of the two")?;
    }
    if channel.interface_version < 0x34 && matches!(channel.long, Long::Sar | Long::Payload) {
        fail("long", "needs TLVs, which interface_version 0x33 has not; use \"udh8\" or \"udh16\"")?;
    }
    if !channel.binds.iter().any(|bind| bind.mode != BindMode::Receiver) {
        fail("binds", "no transceiver and no transmitter: nothing could be sent")?;
    }
    if !channel.binds.iter().any(|bind| bind.mode != BindMode::Transmitter) {
        fail("binds", "no transceiver and no receiver: receipts and replies could not come back")?;
    }
    if channel.reconnect_min > channel.reconnect_max {
        fail("reconnect_min", "more than reconnect_max")?;
    }
    Ok(())
}

fn service_number(known: &Known<'_>, entry: &ServiceNumberEntry, at: &str) -> Checked {
    let fail = |key: &str, problem: &str| Err(Mistake::new(format!("{at}.{key}"), problem));
    enterprise(known, &entry.enterprise, at)?;
    if entry.number.as_str().len() + usize::from(entry.extension_digits) > 20 {
        fail("extension_digits", "number and extension are more than 20 digits")?;
    }
    //= requirements.md 0-5: a number whose replies come back elsewhere would show the enterprise who answered
    if !entry.inbound_anchored {
        fail(
            "inbound_anchored",
            "must be true: replies to this number may come back only through the gateway",
        )?;
    }
    let Some(channels) = &entry.channels else { return Ok(()) };
    if channels.is_empty() {
        fail("channels", "empty; leave it out for all channels")?;
    }
    for (index, id) in channels.iter().enumerate() {
        if !known.channels.contains(id) {
            fail(&format!("channels[{index}]"), &format!("there is no channel \"{id}\""))?;
        }
    }
    Ok(())
}

/// Refuses two numbers where one with an extension reads like the other with or without one.
fn prefixes(entries: &[ServiceNumberEntry]) -> Checked {
    let mut sorted: Vec<_> = entries.iter().enumerate().collect();
    sorted.sort_by_key(|(_, entry)| entry.number);
    for (position, (_, short)) in sorted.iter().enumerate() {
        let longer = sorted.iter().skip(position + 1);
        for (index, long) in
            longer.take_while(|(_, long)| short.number.extension_in(long.number.as_str()).is_some())
        {
            let dialled = short.number.as_str().len() + usize::from(short.extension_digits);
            let bare = long.number.as_str().len();
            if dialled == bare || dialled == bare + usize::from(long.extension_digits) {
                let problem = format!("\"{}\" with its extension digits reads the same", short.number);
                return Err(Mistake::new(format!("service_numbers[{index}].number"), problem));
            }
        }
    }
    Ok(())
}

fn opt_out(config: &Config) -> Checked {
    let lists = [("words", &config.opt_out.words), ("beginnings", &config.opt_out.beginnings)];
    for (key, words) in lists {
        for (index, word) in words.iter().flatten().enumerate() {
            let signs = word.chars().filter(|c| c.is_alphanumeric()).count();
            if signs == 0 || word.chars().count() > 32 {
                let at = format!("opt_out.{key}[{index}]");
                return Err(Mistake::new(at, "1-32 characters, a letter or digit among them"));
            }
        }
    }
    Ok(())
}

fn flow(config: &Config) -> Checked {
    let flow = &config.flow;
    if flow.throttle_backoff_min > flow.throttle_backoff_max {
        return Err(Mistake::new("flow.throttle_backoff_min", "more than throttle_backoff_max"));
    }
    if flow.default_validity > flow.max_validity {
        return Err(Mistake::new("flow.default_validity", "more than max_validity"));
    }
    let keep = config.registry.keep_expired;
    if keep < flow.max_schedule + flow.max_validity + flow.report_timeout || keep < flow.reply_grace {
        let problem = "less than flow.max_schedule, flow.max_validity and flow.report_timeout together, or than \
                       flow.reply_grace: messages would lose their authorization";
        return Err(Mistake::new("registry.keep_expired", problem));
    }
    const DAY: u64 = 24 * 3600;
    if !(183 * DAY..=365 * DAY).contains(&config.ledger.keep_cdrs.as_secs()) {
        return Err(Mistake::new("ledger.keep_cdrs", "expected 4392h (183 days) to 8760h (a year)"));
    }
    if !(DAY..=90 * DAY).contains(&config.ledger.number_key_life.as_secs()) {
        return Err(Mistake::new("ledger.number_key_life", "expected 24h to 2160h"));
    }
    if !(150 * DAY..=config.ledger.keep_cdrs.as_secs()).contains(&config.ledger.keep_numbers.as_secs()) {
        return Err(Mistake::new("ledger.keep_numbers", "expected 3600h (five months) to ledger.keep_cdrs"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
