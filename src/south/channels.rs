//! The channels that run: each is a set of links that can be started, stopped and replaced while the others go on.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use tokio::sync::watch;
use tokio::task::JoinSet;
use veilgate_config::{BindMode as ConfigMode, Channel, Config, Secret};
use veilgate_names::ChannelId;
use veilgate_policy::Lines;
use veilgate_smpp::pdu::BindMode;

use crate::hub::Hub;
use crate::settings;
use crate::south::rate::ChannelRate;
use crate::south::smsc_link::{self, LinkConfig};

/// See the module.
#[derive(Default)]
pub struct Channels {
    running: HashMap<ChannelId, Running>,
    /// Links of stopped channels that unbind in their own time.
    leaving: JoinSet<()>,
}

struct Running {
    channel: Arc<Channel>,
    rate: Arc<ChannelRate>,
    stop: watch::Sender<bool>,
    links: JoinSet<()>,
}

impl Channels {
    /// Starts what is new, stops what is gone or switched off, replaces what differs; the rest is not touched.
    pub fn apply(&mut self, config: &Config, hub: &Arc<Hub>) {
        let wanted: HashMap<ChannelId, Arc<Channel>> = settings::enabled_channels(config)
            .into_iter()
            .map(|channel| (channel.id.clone(), channel))
            .collect();
        while self.leaving.try_join_next().is_some() {}
        let gone: Vec<ChannelId> = self
            .running
            .iter()
            .filter(|(id, running)| wanted.get(id).is_none_or(|channel| *channel != running.channel))
            .map(|(id, _)| id.clone())
            .collect();
        for mut running in gone.iter().filter_map(|id| self.running.remove(id)) {
            let _ = running.stop.send(true);
            self.leaving.spawn(async move { while running.links.join_next().await.is_some() {} });
        }
        for (id, channel) in wanted {
            self.running.entry(id).or_insert_with(|| start(channel, config, hub));
        }
        self.set_rates(hub.flow.gate().policy.policy().lines());
    }

    /// Takes over the rates that lines give their channels.
    pub fn set_rates(&self, lines: &Lines) {
        for (id, running) in &self.running {
            running.rate.set(lines.of_channel(id).and_then(|line| line.rate_per_second));
        }
    }

    /// Unbinds every link and waits until all are gone.
    pub async fn stop(&mut self) {
        for running in self.running.values() {
            let _ = running.stop.send(true);
        }
        for (_, mut running) in self.running.drain() {
            while running.links.join_next().await.is_some() {}
        }
        while self.leaving.join_next().await.is_some() {}
    }

    /// How many binds a channel wants.
    #[must_use]
    pub fn binds_wanted(&self, id: &ChannelId) -> usize {
        self.running.get(id).map_or(0, |running| running.links.len())
    }
}

fn start(channel: Arc<Channel>, config: &Config, hub: &Arc<Hub>) -> Running {
    let (stop, stopping) = watch::channel(false);
    let mut links = JoinSet::new();
    let rate = Arc::new(ChannelRate::new(channel.rate_per_second));
    let links_up = Arc::new(AtomicU32::new(0));
    if let Some((index, facts)) = hub.flow.channel(&channel.id) {
        let modes = channel.binds.iter().flat_map(|bind| {
            let count = usize::try_from(bind.count.get()).unwrap_or(1);
            std::iter::repeat_n(mode(bind.mode), count)
        });
        for (bind, mode) in (0..).zip(modes) {
            let link = LinkConfig {
                channel: channel.id.clone(),
                index,
                bind,
                address: channel.address.as_str().to_owned(),
                system_id: channel.system_id.as_str().to_owned(),
                password: channel.password.as_ref().map(Secret::expose).unwrap_or_default().to_owned(),
                system_type: channel.system_type.as_str().to_owned(),
                version: channel.interface_version,
                mode,
                session: settings::south_session(&channel, config),
                reconnect_min: channel.reconnect_min,
                reconnect_max: channel.reconnect_max,
                backoff: (config.flow.throttle_backoff_min, config.flow.throttle_backoff_max),
                write_stall: config.north.write_stall,
                rate: Arc::clone(&rate),
                rate_per_bind: channel.rate_per_bind,
                facts,
                links_up: Arc::clone(&links_up),
            };
            links.spawn(smsc_link::run(Arc::clone(hub), Arc::new(link), stopping.clone()));
        }
    }
    Running { channel, rate, stop, links }
}

fn mode(mode: ConfigMode) -> BindMode {
    match mode {
        ConfigMode::Transceiver => BindMode::Transceiver,
        ConfigMode::Transmitter => BindMode::Transmitter,
        ConfigMode::Receiver => BindMode::Receiver,
    }
}
