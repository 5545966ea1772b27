//! The command line: one file a command.

pub mod add;
pub mod admin_args;
pub mod admin_port;
pub mod audit;
pub mod check;
pub mod config_args;
pub mod console_port;
pub mod dispatch;
pub mod events;
pub mod experiment;
pub mod explain;
pub mod fit_args;
pub mod guide;
mod interrupts;
pub mod links;
pub mod list;
mod output;
pub mod people;
mod progress;
mod reach;
pub mod robots;
pub mod serve;
pub mod servers;
pub mod strategy;
pub mod top;
pub mod trace;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{
    Arg, ArgMatches, Args, Command as ClapCommand, CommandFactory, Error, FromArgMatches, Parser, Subcommand,
};

use self::add::{AddArgs, ReloadArgs};
use self::audit::AuditArgs;
use self::check::CheckArgs;
use self::config_args::ConfigArgs;
use self::dispatch::DispatchArgs;
use self::events::EventsArgs;
use self::experiment::ExperimentArgs;
use self::explain::ExplainArgs;
use self::guide::GuideArgs;
use self::links::{HealArgs, LinkArgs, LinksArgs};
use self::list::ListArgs;
use self::output::{Outcome, refuse};
use self::people::{KickArgs, RoomsArgs, UsersArgs};
use self::robots::RobotsArgs;
use self::serve::ServeArgs;
use self::servers::ServersCommand;
use self::strategy::StrategyArgs;
use self::top::TopArgs;
use self::trace::TraceArgs;
use crate::program;

const EXAMPLES: &str = "Examples:
  pomelo-sim                              run the cluster of config/servers.json
  pomelo-sim --config game/config --env production --bind 0.0.0.0
  pomelo-sim check                        validate the configuration, warn of likely mistakes
  pomelo-sim dispatch chat lobby room1    which chat servers hold these rooms
  pomelo-sim explain --uid alice --rid lobby    where both land, and why, under each strategy
  pomelo-sim list                         the state of every server of the running cluster
  pomelo-sim top                          its load, second by second
  pomelo-sim strategy chat=rendezvous     change how chat servers are chosen, while they run
  pomelo-sim trace --uid alice            her messages, step by step through the cluster
  pomelo-sim robots                       put it under load, and check every delivery
  pomelo-sim stop                         end it
  pomelo-sim experiment list              scenarios that compare strategies

Logging: RUST_LOG=info, debug or pomelo_sim::ports=debug; one line for each event, on stderr.";

/// The command line: a command with its flags, or the flags of `serve` without a command.
#[derive(Debug)]
pub struct Cli(Line);

/// A NetEase Pomelo cluster in one process: gate, connectors and chat servers as actors, with real
/// client ports.
///
/// Reads Pomelo's own servers.json. Without a command it serves.
///
/// Exit code: 0 when all is well, 1 when an audit, robots or an experiment find a fault, 2 for bad
/// input or a refusal.
#[derive(Parser, Debug)]
#[command(name = "pomelo-sim", version, after_long_help = EXAMPLES)]
struct Line {
    /// What to do.
    #[command(subcommand)]
    command: Option<Command>,
    /// Serving needs no command.
    #[command(flatten)]
    serve: ServeArgs,
}

// The variants have no docstrings: clap would print them instead of those of the arguments, which
// say more.
#[derive(Subcommand, Debug)]
enum Command {
    Serve(ServeArgs),
    Check(CheckArgs),
    Dispatch(DispatchArgs),
    Explain(ExplainArgs),
    List(ListArgs),
    Top(TopArgs),
    Rooms(RoomsArgs),
    Users(UsersArgs),
    Events(EventsArgs),
    Audit(AuditArgs),
    Add(AddArgs),
    #[command(flatten)]
    Servers(ServersCommand),
    Reload(ReloadArgs),
    Links(LinksArgs),
    Link(LinkArgs),
    Heal(HealArgs),
    Kick(KickArgs),
    Strategy(StrategyArgs),
    Trace(TraceArgs),
    Robots(RobotsArgs),
    Experiment(ExperimentArgs),
    Guide(GuideArgs),
}

impl CommandFactory for Cli {
    fn command() -> ClapCommand {
        without_configuration(Line::command())
    }

    fn command_for_update() -> ClapCommand {
        without_configuration(Line::command_for_update())
    }
}

impl FromArgMatches for Cli {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        refuse_flags_before_command(matches)?;
        refuse_flags_without_meaning(matches)?;
        Line::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        refuse_flags_before_command(matches)?;
        refuse_flags_without_meaning(matches)?;
        self.0.update_from_arg_matches(matches)
    }
}

impl Parser for Cli {}

/// `experiment` and its commands do not list the flags of a configuration, which they refuse.
fn without_configuration(line: ClapCommand) -> ClapCommand {
    let flags = ConfigArgs::augment_args(ClapCommand::new("experiment"));
    let hidden: Vec<Arg> = flags.get_arguments().map(|flag| flag.clone().hide(true)).collect();
    line.mut_subcommand("experiment", |experiment| experiment.args(hidden))
}

/// Flags of `serve` before a command would be ignored. Clap's own setting for this would refuse
/// `--config` and `--env` too, which belong to every command.
fn refuse_flags_before_command(matches: &ArgMatches) -> Result<(), Error> {
    let Some(command) = matches.subcommand_name() else { return Ok(()) };
    let serve = ServeArgs::augment_args(ClapCommand::new("serve"));
    let given = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
    let mut own = serve.get_arguments().filter(|flag| !flag.is_global_set());
    let Some(flag) = own.find_map(|flag| flag.get_long().filter(|_| given(flag.get_id().as_str()))) else {
        return Ok(());
    };
    let line = Line::command();
    let commands = line.find_subcommand(command).into_iter();
    let takes_it = commands.flat_map(ClapCommand::get_arguments).any(|own| own.get_long() == Some(flag));
    let message = if takes_it {
        let program = program::command();
        format!("--{flag} comes before the command: write {program} {command} --{flag} ...")
    } else {
        format!("--{flag} is a flag of serve, and cannot be used with {command}")
    };
    Err(Error::raw(ErrorKind::ArgumentConflict, message))
}

/// Every command accepts `--config` and `--env`, which would be ignored where no configuration is
/// read. `NODE_ENV` belongs to the terminal, not to the command.
/// `NODE_ENV` is of the terminal, not of the command.
fn refuse_flags_without_meaning(matches: &ArgMatches) -> Result<(), Error> {
    let Some((command, given)) = matches.subcommand() else { return Ok(()) };
    let is_given = |id: &str| given.value_source(id) == Some(ValueSource::CommandLine);
    let reads_none = match command {
        "experiment" => "experiment, which reads scenarios: they name the servers",
        "guide" => "guide, which reads no configuration",
        "dispatch" if is_given("servers") => "dispatch --servers, which invents servers",
        "robots" if is_given("gate") => "robots --gate, which needs no configuration",
        _ => return Ok(()),
    };
    // The flags of the commands of experiment too.
    let below = given.subcommand().map(|(_, below)| below);
    let is_set = |id: &&str| {
        below.into_iter().chain([given]).any(|at| {
            at.try_contains_id(id).unwrap_or(false) && at.value_source(id) == Some(ValueSource::CommandLine)
        })
    };
    let Some(flag) = ["config", "env"].into_iter().find(is_set) else { return Ok(()) };
    let message = format!("--{flag} cannot be used with {reads_none}");
    Err(Error::raw(ErrorKind::ArgumentConflict, message))
}

/// Runs the command line. Exit codes: 0 well, 1 an audit, robots or an experiment found a fault, 2
/// bad input or refused.
pub fn run(Cli(line): &Cli) -> ExitCode {
    outcome(line).unwrap_or_else(refuse)
}

fn outcome(line: &Line) -> Outcome {
    match &line.command {
        None => serve::run(&line.serve),
        Some(Command::Serve(args)) => serve::run(args),
        Some(Command::Check(args)) => check::run(args),
        Some(Command::Dispatch(args)) => dispatch::run(args),
        Some(Command::Explain(args)) => explain::run(args),
        Some(Command::List(args)) => list::run(args),
        Some(Command::Top(args)) => top::run(args),
        Some(Command::Rooms(args)) => people::run_rooms(args),
        Some(Command::Users(args)) => people::run_users(args),
        Some(Command::Events(args)) => events::run(args),
        Some(Command::Kick(args)) => people::run_kick(args),
        Some(Command::Audit(args)) => audit::run(args),
        Some(Command::Add(args)) => add::run(args),
        Some(Command::Servers(command)) => servers::run(command),
        Some(Command::Reload(args)) => add::run_reload(args),
        Some(Command::Links(args)) => links::run_links(args),
        Some(Command::Link(args)) => links::run_link(args),
        Some(Command::Heal(args)) => links::run_heal(args),
        Some(Command::Strategy(args)) => strategy::run(args),
        Some(Command::Trace(args)) => trace::run(args),
        Some(Command::Robots(args)) => robots::run(args),
        Some(Command::Experiment(args)) => experiment::run(args),
        Some(Command::Guide(args)) => guide::run(args),
    }
}
