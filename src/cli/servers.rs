//! `pomelo-sim stop`, `remove`, `kill`, `pause`, `resume`, `restart`: changes servers of the
//! running cluster.

use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::admin_args::{AdminArgs, lines, texts};
use super::output::{Failure, Outcome};
use crate::admin::{AdminClient, AdminFileError, Credentials, Running};
use crate::orders::Order;

/// A verb and its servers.
#[derive(Subcommand, Clone, Debug)]
pub enum ServersCommand {
    /// Take servers out of the running cluster
    ///
    /// Stops each server gracefully, as stop does, and forgets it: it is no longer listed, and its
    /// id and ports are free.
    ///
    /// Exit code: 0 when all are removed, 2 at the first that does not exist; servers named before
    /// it are removed.
    #[command(after_long_help = "Examples:
  pomelo-sim remove chat-server-3
      its rooms go to the other chat servers
  pomelo-sim remove cluster-server-chat-0 cluster-server-chat-1")]
    Remove(IdsArgs),
    /// Stop servers gracefully, or the whole running cluster
    ///
    /// A stopped server receives no more messages, hands its rooms to others, tells its clients
    /// why, and stays in the list: restart brings it back. Without an id the whole cluster ends, as
    /// at SIGTERM, and the command waits for the end.
    ///
    /// Exit code: 0 when all are stopped, 2 at the first that does not exist or is not up; servers
    /// named before it are stopped.
    #[command(after_long_help = "Examples:
  pomelo-sim stop chat-server-2
      one server; restart brings it back
  pomelo-sim stop
      the whole cluster")]
    Stop(StopArgs),
    /// Kill servers, as if their processes crashed
    ///
    /// Nothing is handed off and nobody is told: clients of a frontend see their connection end,
    /// and requests in flight to a backend are answered with an error. The server stays in the
    /// list: restart brings it back.
    ///
    /// Exit code: 0 when all are killed, 2 at the first that does not exist or is not up; servers
    /// named before it are killed.
    #[command(after_long_help = "Examples:
  pomelo-sim kill chat-server-2
      what a crash of a chat server does to its rooms
  pomelo-sim kill connector-server-1 connector-server-2")]
    Kill(IdsArgs),
    /// Pause servers, as if their processes hung
    ///
    /// Messages to a paused server wait, and their senders with them, up to their timeouts. resume
    /// ends the pause.
    ///
    /// Exit code: 0 when all are paused, 2 at the first that does not exist or is not running;
    /// servers named before it are paused.
    #[command(after_long_help = "Examples:
  pomelo-sim pause chat-server-1
      requests to its rooms are answered with an error at their timeout
  pomelo-sim pause chat-server-1 && sleep 2 && pomelo-sim resume chat-server-1
      a hiccup of two seconds")]
    Pause(IdsArgs),
    /// Resume paused servers
    ///
    /// The servers first handle the messages that waited, in order.
    ///
    /// Exit code: 0 when all run again, 2 at the first that does not exist or is not paused;
    /// servers named before it run again.
    #[command(after_long_help = "Examples:
  pomelo-sim resume chat-server-1
  pomelo-sim resume chat-server-1 chat-server-2 --json")]
    Resume(IdsArgs),
    /// Restart servers
    ///
    /// Stops each server that is up, and starts it. Also starts servers that were stopped or
    /// killed.
    ///
    /// Exit code: 0 when all are up, 2 at the first that does not exist or cannot start; servers
    /// named before it are up.
    #[command(after_long_help = "Examples:
  pomelo-sim restart chat-server-2
      after a stop or a kill, or to begin anew
  pomelo-sim restart connector-server-1 connector-server-2 connector-server-3
      one after the other")]
    Restart(IdsArgs),
}

/// Which servers.
#[derive(Args, Clone, Debug)]
pub struct IdsArgs {
    /// Servers, in this order; the first that fails ends it
    #[arg(value_name = "ID", required = true)]
    pub ids: Vec<String>,
    /// Which cluster.
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// Which servers, or all.
#[derive(Args, Clone, Debug)]
pub struct StopArgs {
    /// Servers, in this order; the first that fails ends it [default: the whole cluster]
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// Which cluster.
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// The longest wait for the end of a cluster.
const END_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs the command.
pub fn run(command: &ServersCommand) -> Outcome {
    use ServersCommand::{Kill, Pause, Remove, Restart, Resume, Stop};
    let (past, ids, admin, order): (_, _, _, fn(String) -> Order) = match command {
        Remove(IdsArgs { ids, admin }) => ("removed", ids, admin, |id| Order::Remove { id }),
        Kill(IdsArgs { ids, admin }) => ("killed", ids, admin, |id| Order::Kill { id }),
        Pause(IdsArgs { ids, admin }) => ("paused", ids, admin, |id| Order::Pause { id }),
        Resume(IdsArgs { ids, admin }) => ("resumed", ids, admin, |id| Order::Resume { id }),
        Restart(IdsArgs { ids, admin }) => ("restarted", ids, admin, |id| Order::Restart { id }),
        Stop(StopArgs { ids, admin }) if ids.is_empty() => {
            return admin.show(stop_all(admin)?, |_: &Value| "stopped the cluster\n".to_owned());
        }
        Stop(StopArgs { ids, admin }) => ("stopped", ids, admin, |id| Order::Stop { id }),
    };
    let (done, _) = admin.each(ids.iter().cloned().map(order), |answer| &answer["done"][0])?;
    admin.show(json!({ "done": done }), |answer| lines(past, &texts(answer, "done")))
}

/// Waits until the cluster has ended, so that its ports are free when the command returns. The
/// cluster removes its file last.
fn stop_all(admin: &AdminArgs) -> Result<Value, Failure> {
    let running = admin.cluster.find()?;
    AdminClient::new(running.clone()).ask(&Order::StopCluster)?;
    let Running { path: file, credentials: before } = running;
    let give_up = Instant::now() + END_TIMEOUT;
    loop {
        match Credentials::read(&file) {
            Ok(now) if now == before && Instant::now() < give_up => thread::sleep(Duration::from_millis(10)),
            Ok(now) if now == before => {
                let (pid, seconds) = (before.pid, END_TIMEOUT.as_secs());
                return Err(format!("process {pid} still runs {seconds} s after it was told to stop").into());
            }
            Ok(_) | Err(AdminFileError::NoCluster { .. }) => return Ok(json!({ "stopped": true })),
            Err(error) => return Err(error.into()),
        }
    }
}
