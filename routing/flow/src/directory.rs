//! What the configuration says about service numbers, enterprises and platforms; swapped whole on a reload.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use veilgate_admission::PlatformProfile;
use veilgate_names::{AccountId, ChannelId, EnterpriseId, Extension, PlatformId, Reason, ServiceNumber};
use veilgate_smpp::text::encoding::DefaultAlphabet;
use veilgate_smpp::text::receipt::IdFormat;

use crate::groups::RouteRules;
use crate::health::HealthRules;
use crate::opt_out::OptOutRules;
use crate::reply::ReplyRules;
use crate::retry::RetryTable;
use crate::schedule::PastSchedule;
use crate::segments::SegmentRules;
use crate::service::ServiceType;
use crate::split::LongRule;

/// Limits and times of a message's way; every queue and map they bound is named after them.
#[derive(Debug, Clone)]
pub struct FlowRules {
    /// Messages without a final state; beyond it submits get `queue_full`.
    pub max_live: usize,
    /// Of these, percent that one enterprise may have where there are several; beyond it only that one gets `queue_full`.
    pub max_share_percent: u8,
    /// Of these, messages that are held in memory whole: those that an SMSC has, and those about to be sent.
    pub max_in_memory: usize,
    /// Messages queued at a channel in memory; what comes beyond waits on disk.
    pub resident: usize,
    /// Deliveries that wait for an account in memory; what comes beyond waits on disk.
    pub resident_deliveries: usize,
    /// How far ahead a message may be scheduled.
    pub max_schedule: Duration,
    /// What becomes of a message that was to leave before it came.
    pub past_schedule: PastSchedule,
    /// Records waiting for the store; beyond it submits get `queue_full`.
    pub max_uncommitted: usize,
    /// Attempts to hand a message to an SMSC of whose answers nothing is known.
    pub max_attempts: u8,
    /// How long a receipt waits for its response.
    pub early_receipt_hold: Duration,
    /// How many receipts may wait so.
    pub max_early_receipts: usize,
    /// How many ended ids are remembered to know duplicates.
    pub max_recent_receipts: usize,
    /// How long a response that is overdue may still come before the message ends as UNKNOWN.
    pub late_answer_grace: Duration,
    /// How long a sent message waits for its receipt (requirements.md A-6.3.3.2-3: 48 h).
    pub report_timeout: Duration,
    /// The pause before an end that could not be written is tried again.
    pub store_retry: Duration,
    /// The validity of a message that states none.
    pub default_validity: Duration,
    /// The longest validity granted.
    pub max_validity: Duration,
    /// How long after its authorization ended a reply still reaches the notary.
    pub reply_grace: Duration,
    /// The pause before a delivery is tried again.
    pub delivery_retry: Duration,
    /// The way back: digits and long replies.
    pub replies: ReplyRules,
    /// Replies that are refusals.
    pub opt_out: OptOutRules,
    /// When a channel counts as ill.
    pub health: HealthRules,
    /// The longest text accepted, octets, that of all its parts.
    pub max_text: usize,
    /// How many ended messages are remembered, for `query_sm`.
    pub max_remembered: usize,
    /// How many submits are remembered at a time, in case they are repeated.
    pub max_repeats: usize,
    /// What `service_type` may be; empty may be always.
    pub service_types: Vec<ServiceType>,
    /// Texts that come in parts.
    pub segments: SegmentRules,
}

impl Default for FlowRules {
    fn default() -> Self {
        const HOUR: Duration = Duration::from_secs(3600);
        Self {
            max_live: 10_000_000,
            max_share_percent: 50,
            max_in_memory: 2_000_000,
            resident: 20_000,
            resident_deliveries: 8192,
            max_schedule: HOUR * 720,
            past_schedule: PastSchedule::Now,
            max_uncommitted: 100_000,
            max_attempts: 8,
            early_receipt_hold: Duration::from_secs(10),
            max_early_receipts: 100_000,
            max_recent_receipts: 100_000,
            late_answer_grace: Duration::from_secs(60),
            report_timeout: HOUR * 48,
            store_retry: Duration::from_secs(1),
            default_validity: HOUR * 24,
            max_validity: HOUR * 168,
            reply_grace: HOUR * 72,
            delivery_retry: Duration::from_secs(5),
            replies: ReplyRules::default(),
            opt_out: OptOutRules::default(),
            health: HealthRules::default(),
            max_text: 2048,
            max_remembered: 1_000_000,
            max_repeats: 1_000_000,
            service_types: ServiceType::known(),
            segments: SegmentRules::default(),
        }
    }
}

/// An SMSC as the flow sees it.
#[derive(Debug, Clone)]
pub struct ChannelRules {
    /// Its name.
    pub id: ChannelId,
    /// Its share among the channels that could be taken.
    pub weight: u32,
    /// Whether it takes new messages.
    pub enabled: bool,
    /// How it writes message ids.
    pub id_format: IdFormat,
    /// What `data_coding` 0 means there.
    pub alphabet: DefaultAlphabet,
    /// Whether numbers are written without country code there.
    pub national: bool,
    /// Whether a submit whose outcome is unknown is sent again, at the risk of a duplicate.
    pub retry_unknown: bool,
    /// What its refusals and receipts mean.
    pub retry: Arc<RetryTable>,
    /// Whether it is asked to take back what it has.
    pub cancel: bool,
    /// How it takes texts that do not fit into one message.
    pub long: LongRule,
}

/// A service number and what may be done with it.
#[derive(Debug, Clone)]
pub struct NumberRules {
    /// The number.
    pub number: ServiceNumber,
    /// Whose it is.
    pub enterprise: EnterpriseId,
    /// Digits the gateway may append.
    pub extension_digits: u8,
    /// The place of its route among those of [`Directory::with_routes`]; 0 = all channels.
    pub route: u16,
    /// Whether its messages to one subscriber go one after the other.
    pub ordered: bool,
}

/// See the module.
#[derive(Default)]
pub struct Directory {
    numbers: HashMap<ServiceNumber, NumberRules>,
    /// All channels first.
    routes: Vec<RouteRules>,
    /// Where the book has them.
    places: Vec<u16>,
    /// Accounts whose messages to one subscriber go one after the other.
    ordered: HashSet<AccountId>,
    only_number: HashMap<EnterpriseId, Option<ServiceNumber>>,
    suspended: Vec<EnterpriseId>,
    platforms: HashMap<PlatformId, PlatformProfile>,
    notary_accounts: HashMap<PlatformId, AccountId>,
    enterprise_accounts: HashMap<EnterpriseId, AccountId>,
    weights: Vec<(EnterpriseId, u32)>,
}

impl Directory {
    /// Builds the directory. Replies go to the first account of a platform or enterprise in the lists.
    #[must_use]
    pub fn new(
        numbers: Vec<NumberRules>,
        suspended: Vec<EnterpriseId>,
        platforms: Vec<(PlatformId, PlatformProfile)>,
        notary_accounts: Vec<(PlatformId, AccountId)>,
        enterprise_accounts: Vec<(EnterpriseId, AccountId)>,
    ) -> Self {
        let mut directory = Self { suspended, platforms: platforms.into_iter().collect(), ..Self::default() };
        for (platform, account) in notary_accounts {
            directory.notary_accounts.entry(platform).or_insert(account);
        }
        for (enterprise, account) in enterprise_accounts {
            directory.enterprise_accounts.entry(enterprise).or_insert(account);
        }
        for rules in numbers {
            directory
                .only_number
                .entry(rules.enterprise.clone())
                .and_modify(|only| *only = None)
                .or_insert(Some(rules.number));
            directory.numbers.insert(rules.number, rules);
        }
        directory
    }

    /// Says how much of a full channel each enterprise gets, against the others. Whoever is not named weighs 1.
    #[must_use]
    pub fn weighed(self, weights: Vec<(EnterpriseId, u32)>) -> Self {
        Self { weights, ..self }
    }

    pub(crate) fn weights(&self) -> &[(EnterpriseId, u32)] {
        &self.weights
    }

    /// Adds the routes that service numbers name by their place, the first of which is behind place 0.
    #[must_use]
    pub fn with_routes(mut self, routes: Vec<RouteRules>) -> Self {
        self.routes = routes;
        self
    }

    /// Adds the accounts whose messages to one subscriber go one after the other.
    #[must_use]
    pub fn with_ordered(mut self, accounts: impl IntoIterator<Item = AccountId>) -> Self {
        self.ordered = accounts.into_iter().collect();
        self
    }

    pub(crate) fn routes(&self) -> &[RouteRules] {
        &self.routes
    }

    pub(crate) fn set_places(&mut self, places: Vec<u16>) {
        self.places = places;
    }

    /// The book's index of a number's route.
    pub(crate) fn place(&self, rules: &NumberRules) -> u16 {
        let listed = usize::from(rules.route).checked_sub(1);
        listed.and_then(|listed| self.places.get(listed)).copied().unwrap_or(0)
    }

    /// Whether a message of an account from a number waits for the one before it to the same subscriber.
    pub(crate) fn is_ordered(&self, rules: &NumberRules, account: &AccountId) -> bool {
        rules.ordered || (!self.ordered.is_empty() && self.ordered.contains(account))
    }

    /// The number a message of this enterprise is sent from: the one named, or its only one.
    pub(crate) fn number(&self, source: &str, enterprise: &EnterpriseId) -> Result<&NumberRules, Reason> {
        let number = if source.is_empty() {
            self.only_number.get(enterprise).copied().flatten().ok_or(Reason::CliForbidden)?
        } else {
            ServiceNumber::parse(source).map_err(|_| Reason::CliForbidden)?
        };
        let rules = self.numbers.get(&number).ok_or(Reason::CliForbidden)?;
        if rules.enterprise == *enterprise { Ok(rules) } else { Err(Reason::CliForbidden) }
    }

    /// The rules of a number that a message already has.
    pub(crate) fn rules(&self, number: ServiceNumber) -> Option<&NumberRules> {
        self.numbers.get(&number)
    }

    /// Which service number, and which extension of it, a user wrote to: the longest that fits.
    pub(crate) fn dialled(&self, digits: &str) -> Option<(&NumberRules, Extension)> {
        (3..=digits.len().min(20)).rev().find_map(|length| {
            let (head, tail) = digits.split_at_checked(length)?;
            let rules = self.numbers.get(&ServiceNumber::parse(head).ok()?)?;
            let extension = Extension::parse(tail).ok()?;
            Some((rules, extension))
        })
    }

    pub(crate) fn is_suspended(&self, enterprise: &EnterpriseId) -> bool {
        self.suspended.contains(enterprise)
    }

    /// What a platform is held to.
    #[must_use]
    pub fn platform(&self, platform: &PlatformId) -> Option<&PlatformProfile> {
        self.platforms.get(platform)
    }

    pub(crate) fn notary_account(&self, platform: &PlatformId) -> Option<&AccountId> {
        self.notary_accounts.get(platform)
    }

    pub(crate) fn enterprise_account(&self, enterprise: &EnterpriseId) -> Option<&AccountId> {
        self.enterprise_accounts.get(enterprise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(number: &str, enterprise: &str) -> NumberRules {
        NumberRules {
            number: ServiceNumber::parse(number).unwrap(),
            enterprise: EnterpriseId::parse(enterprise).unwrap(),
            extension_digits: 2,
            route: 0,
            ordered: false,
        }
    }

    fn directory() -> Directory {
        let numbers = vec![rules("10690001", "a"), rules("10690002", "b"), rules("106900021", "b")];
        Directory::new(numbers, Vec::new(), Vec::new(), Vec::new(), Vec::new())
    }

    #[test]
    fn an_enterprise_sends_from_its_own_numbers() {
        let directory = directory();
        let [a, b] = ["a", "b"].map(|id| EnterpriseId::parse(id).unwrap());
        assert_eq!(directory.number("10690001", &a).unwrap().number.as_str(), "10690001");
        assert_eq!(directory.number("", &a).unwrap().number.as_str(), "10690001");
        assert_eq!(directory.number("10690002", &a).unwrap_err(), Reason::CliForbidden);
        assert_eq!(directory.number("", &b).unwrap_err(), Reason::CliForbidden, "two to choose from");
        assert_eq!(directory.number("1069000199", &a).unwrap_err(), Reason::CliForbidden);
    }

    #[test]
    fn the_longest_number_that_fits_was_dialled() {
        let directory = directory();
        let dialled = |digits: &str| {
            directory
                .dialled(digits)
                .map(|(rules, extension)| (rules.number.to_string(), extension.to_string()))
        };
        assert_eq!(dialled("1069000107"), Some(("10690001".to_owned(), "07".to_owned())));
        assert_eq!(dialled("10690001"), Some(("10690001".to_owned(), String::new())));
        assert_eq!(dialled("10690002107"), Some(("106900021".to_owned(), "07".to_owned())));
        assert_eq!(dialled("95588"), None);
    }
}
