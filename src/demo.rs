//! `veilgate demo`: the whole way of a message on one machine, with everything around the gateway simulated. It
//! shows side by side what the notary, the enterprise and the SMSC see of the same two messages, the receipts and
//! a reply, and verifies the audit chain. Numbers shown here are generated; a real gateway shows none.

mod scene;
mod table;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use scene::Scene;
use table::Table;

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Options of `veilgate demo`.
#[derive(Args)]
pub struct DemoOptions {
    /// Leave everything running for exploring, until Ctrl-C.
    #[arg(long)]
    stay: bool,
    /// Work in this folder instead of a temporary one; it is kept.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Subscribers in the generated feed.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(10..=1_000_000))]
    subscribers: u64,
}

/// Runs the demo and writes what it shows to `out`.
///
/// # Errors
/// What went wrong, in one line.
pub fn demo(options: &DemoOptions, out: &mut dyn Write) -> Result<(), String> {
    let temporary = tempfile::Builder::new().prefix("veilgate-demo-").tempdir().map_err(text)?;
    let folder = match &options.dir {
        Some(dir) => {
            std::fs::create_dir_all(dir).map_err(text)?;
            dir.canonicalize().map_err(text)?
        }
        None => temporary.path().to_path_buf(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(text)?;
    runtime.block_on(async {
        let mut say = |line: String| writeln!(out, "{line}").map_err(text);
        say(format!(
            "1. A carrier with {} generated subscribers, one SMSC, one notary, one enterprise",
            options.subscribers
        ))?;
        let mut scene = Scene::set(&folder, options.subscribers).await?;
        say(format!("   gateway: SMPP north on {}, health and metrics on {}", scene.north(), scene.ops()))?;
        let shown = scene.play(PATIENCE).await?;
        say("\n2. One person, two messages and a reply, as each party sees them\n".to_owned())?;
        say(Table::of(&shown).render())?;
        say("3. The boundary".to_owned())?;
        say(format!("   {}", scene.boundary()?))?;
        if options.stay {
            say(format!("\nEverything stays up, in {}. Look at:", folder.display()))?;
            say(scene.hints())?;
            let _ = tokio::signal::ctrl_c().await;
        }
        let files = scene.strike().await?;
        say(format!("   {}", files.verify()?))?;
        if !options.stay {
            say("\nNext: veilgate demo --stay keeps it running; docs/operating.md sets up a real one."
                .to_owned())?;
        }
        Ok(())
    })
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
