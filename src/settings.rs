//! What the file says, in the words of those it concerns.

pub mod retry;
mod routes;

use std::sync::Arc;

use veilgate_admission::{
    AccountConfig, CertificateFingerprint, GuessingAction, GuessingPolicy, LockoutPolicy, PasswordHash,
    PlatformProfile, ProofPolicy, Tenant,
};
use veilgate_config::{self as config, Config};
use veilgate_flow::{
    ChannelRules, Directory, FlowRules, LongRule, NumberRules, OptOutRules, OptOutScope, PastSchedule,
    ReplyRules, SegmentRules, ServiceType,
};
use veilgate_names::{AccountId, AccountKind};
use veilgate_notary::PublicKey;
use veilgate_smpp::session::{SessionConfig, WindowFull};
use veilgate_smpp::text::encoding::DefaultAlphabet;
use veilgate_smpp::text::receipt::IdFormat;
use veilgate_store::LogConfig;

use crate::space::SpaceRules;

/// A value that only its owner could find wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct SettingError {
    /// The key.
    pub key: String,
    /// What is wrong with its value.
    pub problem: &'static str,
}

/// `[flow]`.
#[must_use]
pub fn flow_rules(config: &Config) -> FlowRules {
    let flow = &config.flow;
    let many = |count: std::num::NonZeroU32| usize::try_from(count.get()).unwrap_or(usize::MAX);
    FlowRules {
        max_live: many(flow.max_live_messages),
        max_share_percent: flow.max_share_percent,
        max_in_memory: many(flow.max_messages_in_memory),
        resident: many(flow.resident_messages),
        resident_deliveries: many(flow.resident_deliveries),
        max_schedule: flow.max_schedule,
        past_schedule: match flow.past_schedule {
            config::PastSchedule::Now => PastSchedule::Now,
            config::PastSchedule::Refuse => PastSchedule::Refuse,
        },
        max_uncommitted: many(flow.max_uncommitted),
        max_attempts: flow.max_attempts,
        early_receipt_hold: flow.early_receipt_hold,
        max_early_receipts: many(flow.max_early_receipts),
        max_recent_receipts: many(flow.max_recent_receipts),
        late_answer_grace: flow.late_answer_grace,
        report_timeout: flow.report_timeout,
        default_validity: flow.default_validity,
        max_validity: flow.max_validity,
        reply_grace: flow.reply_grace,
        delivery_retry: flow.delivery_retry,
        health: routes::health(config),
        max_text: many(flow.max_text),
        max_repeats: many(flow.max_references),
        max_remembered: usize::try_from(flow.remember_ended).unwrap_or(usize::MAX),
        service_types: flow
            .service_types
            .iter()
            .filter_map(|name| ServiceType::parse(name.as_str().as_bytes()))
            .collect(),
        segments: SegmentRules {
            timeout: flow.segments_timeout,
            max: many(flow.max_segments),
            max_per_account: many(flow.max_segments_per_account),
        },
        replies: replies(config),
        opt_out: opt_out(config),
        ..FlowRules::default()
    }
}

/// `[opt_out]`.
fn opt_out(config: &Config) -> OptOutRules {
    let (opt_out, default) = (&config.opt_out, OptOutRules::default());
    let scope = match opt_out.scope {
        config::OptOutScope::Enterprise => OptOutScope::Enterprise,
        config::OptOutScope::ServiceNumber => OptOutScope::ServiceNumber,
    };
    let known = default.words.with(opt_out.words.clone(), opt_out.beginnings.clone());
    let confirmation = opt_out.confirmation.as_ref().map(|text| text.as_str().to_owned());
    OptOutRules { words: known, scope, confirmation, confirm_every: opt_out.confirm_every }
}

/// `[replies]`.
fn replies(config: &Config) -> ReplyRules {
    let replies = &config.replies;
    let many = |count: std::num::NonZeroU32| usize::try_from(count.get()).unwrap_or(usize::MAX);
    ReplyRules {
        tie_break: replies.tie_break,
        quarantine: replies.quarantine,
        part_timeout: replies.part_timeout,
        max_parts: many(replies.max_parts),
        max_parts_per_writer: many(replies.max_parts_per_writer),
        max_octets: many(replies.max_octets),
    }
}

/// `[north]` as one session sees it.
#[must_use]
pub fn north_session(config: &Config) -> SessionConfig {
    let north = &config.north;
    SessionConfig {
        max_pdu: north.max_pdu.get(),
        window_in: north.window_in.get(),
        window_full: match north.window_full {
            config::WindowFull::Wait => WindowFull::Wait,
            config::WindowFull::Refuse => WindowFull::Refuse,
        },
        window_out: north.window_out.get(),
        max_backlog: usize::try_from(north.max_backlog.get()).unwrap_or(usize::MAX),
        bind_timeout: north.bind_timeout,
        pdu_timeout: north.pdu_timeout,
        enquire_interval: north.enquire_interval,
        enquire_misses: north.enquire_misses,
        response_timeout: north.response_timeout,
        unbind_timeout: north.unbind_timeout,
    }
}

/// `[north]`: failed binds.
#[must_use]
pub fn lockout(config: &Config) -> LockoutPolicy {
    let north = &config.north;
    LockoutPolicy {
        failures: north.lockout_failures,
        within: north.lockout_within,
        lock_for: north.lockout_for,
        ..LockoutPolicy::default()
    }
}

/// One of `[[channels]]` as one session sees it.
#[must_use]
pub fn south_session(channel: &config::Channel, config: &Config) -> SessionConfig {
    SessionConfig {
        window_in: 1000,
        window_full: WindowFull::Wait,
        window_out: channel.window.get(),
        bind_timeout: config.north.bind_timeout,
        enquire_interval: channel.enquire_interval,
        response_timeout: channel.response_timeout,
        ..north_session(config)
    }
}

/// `[[channels]]` as the flow sees them.
#[must_use]
pub fn channels(config: &Config) -> Vec<ChannelRules> {
    config
        .channels
        .iter()
        .map(|channel| ChannelRules {
            id: channel.id.clone(),
            weight: channel.weight.get(),
            enabled: channel.enabled,
            id_format: match channel.id_format {
                config::IdFormat::Auto => IdFormat::Auto,
                config::IdFormat::AsIs => IdFormat::AsIs,
                config::IdFormat::Decimal => IdFormat::Decimal,
                config::IdFormat::Hex => IdFormat::Hex,
                config::IdFormat::HexThenDecimal => IdFormat::HexInResponseDecimalInReceipt,
            },
            alphabet: match channel.default_alphabet {
                config::Alphabet::Gsm7 => DefaultAlphabet::Gsm7,
                config::Alphabet::Latin1 => DefaultAlphabet::Latin1,
            },
            national: channel.address_form == config::AddressForm::National,
            retry_unknown: channel.retry_unknown,
            retry: Arc::new(retry::table(config, &channel.retry)),
            cancel: channel.cancel,
            long: match channel.long {
                config::Long::Udh8 => LongRule::Udh8,
                config::Long::Udh16 => LongRule::Udh16,
                config::Long::Sar => LongRule::Sar,
                config::Long::Payload => LongRule::Payload,
            },
        })
        .collect()
}

/// `[[accounts]]`.
///
/// # Errors
/// [`SettingError`] for a password hash that is none.
pub fn accounts(config: &Config) -> Result<Vec<AccountConfig>, SettingError> {
    config.accounts.iter().enumerate().map(|(index, account)| one_account(index, account, config)).collect()
}

fn one_account(
    index: usize,
    account: &config::Account,
    config: &Config,
) -> Result<AccountConfig, SettingError> {
    let wrong = |key: &str, problem| SettingError { key: format!("accounts[{index}].{key}"), problem };
    let tenant = match (account.kind, &account.platform, &account.enterprise) {
        (AccountKind::Notary, Some(platform), _) => Tenant::Platform(platform.clone()),
        (AccountKind::Enterprise, _, Some(enterprise)) => Tenant::Enterprise(enterprise.clone()),
        _ => return Err(wrong("kind", "goes with a platform or an enterprise")),
    };
    Ok(AccountConfig {
        id: account.system_id.clone(),
        tenant,
        password: PasswordHash::parse(account.password_hash.phc())
            .map_err(|_| wrong("password_hash", "is no argon2 hash"))?,
        allow_from: account.allow_from.clone(),
        max_binds: account.max_binds,
        window: account.window.unwrap_or(config.north.window_in).into(),
        rate_per_second: Some(account.rate_per_second),
        rate_per_bind: account.rate_per_bind,
        certificate: account.certificate_sha256.map(|fingerprint| CertificateFingerprint(fingerprint.0)),
        suspended: account.suspended,
        dedupe: account.dedupe,
        default_service_number: account.default_service_number,
        guessing: guessing(account, &config.guessing),
    })
}

fn guessing(account: &config::Account, rules: &config::Guessing) -> GuessingPolicy {
    GuessingPolicy {
        failures: rules.failures,
        within: rules.within,
        share_percent: rules.share_percent,
        action: match account.guessing.unwrap_or(rules.action) {
            config::GuessingAction::Freeze => GuessingAction::Freeze,
            config::GuessingAction::Alarm => GuessingAction::Alarm,
            config::GuessingAction::Off => GuessingAction::Off,
        },
    }
}

/// How many deliveries may be pending for each account.
#[must_use]
pub fn pending(config: &Config) -> Vec<(AccountId, usize)> {
    let most = |account: &config::Account| {
        usize::try_from(account.max_pending_deliveries.get()).unwrap_or(usize::MAX)
    };
    config.accounts.iter().map(|account| (account.system_id.clone(), most(account))).collect()
}

/// Numbers, enterprises and platforms.
///
/// # Errors
/// [`SettingError`] for a public key that lies on no curve.
pub fn directory(config: &Config) -> Result<Directory, SettingError> {
    let places = routes::places(config);
    let numbers = config.service_numbers.iter().zip(places).map(|(entry, route)| NumberRules {
        number: entry.number,
        enterprise: entry.enterprise.clone(),
        extension_digits: entry.extension_digits,
        route,
        ordered: entry.ordered,
    });
    let ordered: Vec<_> =
        config.accounts.iter().filter(|one| one.ordered).map(|one| one.system_id.clone()).collect();
    let suspended = config.enterprises.iter().filter(|one| one.suspended).map(|one| one.id.clone());
    let weights = config.enterprises.iter().map(|one| (one.id.clone(), one.weight.get()));
    let platforms: Result<Vec<_>, SettingError> = config
        .platforms
        .iter()
        .enumerate()
        .map(|(index, platform)| Ok((platform.id.clone(), profile(index, platform)?)))
        .collect();
    let notaries =
        config.accounts.iter().filter_map(|one| Some((one.platform.clone()?, one.system_id.clone())));
    let enterprises =
        config.accounts.iter().filter_map(|one| Some((one.enterprise.clone()?, one.system_id.clone())));
    Ok(Directory::new(
        numbers.collect(),
        suspended.collect(),
        platforms?,
        notaries.collect(),
        enterprises.collect(),
    )
    .weighed(weights.collect())
    .with_routes(routes::routes(config))
    .with_ordered(ordered))
}

fn profile(index: usize, platform: &config::Platform) -> Result<PlatformProfile, SettingError> {
    let wrong = |problem| SettingError { key: format!("platforms[{index}].public_key"), problem };
    let key = platform.public_key.as_ref().map(|key| PublicKey::from_sec1(key.sec1())).transpose();
    let key = key.map_err(|_| wrong("is no point of the SM2 curve"))?;
    let proof = match (platform.proof, key) {
        (config::Proof::Required, Some(key)) => ProofPolicy::Required(key),
        (config::Proof::Required, None) => return Err(wrong("is missing")),
        (config::Proof::Optional, key) => ProofPolicy::Optional(key),
    };
    Ok(PlatformProfile { proof, short_form_lifetime: platform.short_form_lifetime })
}

/// `[space]`, with the bound of `[journal]`.
#[must_use]
pub fn space(config: &Config) -> SpaceRules {
    SpaceRules {
        min_free: config.space.min_free_bytes,
        journal_capacity: config.journal.capacity_bytes.get(),
        journal_percent: config.space.journal_percent,
    }
}

/// `[journal]` for the log engine.
#[must_use]
pub fn log_store(config: &Config) -> LogConfig {
    LogConfig {
        segment_octets: config.journal.segment_bytes.get(),
        capacity_octets: config.journal.capacity_bytes.get(),
        compact_below_percent: config.journal.compact_below_percent,
        ..LogConfig::default()
    }
}

/// The channels a link may be made of, shared for its tasks.
#[must_use]
pub fn enabled_channels(config: &Config) -> Vec<Arc<config::Channel>> {
    config.channels.iter().filter(|channel| channel.enabled).cloned().map(Arc::new).collect()
}
