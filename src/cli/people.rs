//! `pomelo-sim rooms`, `users`, `kick`: shows where users are in the running cluster, and closes
//! sessions.

use clap::Args;
use serde_json::Value;

use super::admin_args::AdminArgs;
use super::output::{Outcome, count, table};
use crate::live::{MemberLine, RoomDetail, RoomLine, RoomSort, Rooms, UserLine, Users};
use crate::orders::{KICK_REASON, Order};

/// Show the rooms of the running cluster, or the members of one
///
/// One row a room: its server, its members, the messages to all of it in its life and in the last
/// second, and the key that decides its server.
///
/// Exit code: 0 with the table, 2 when no cluster runs, or the room of --members is empty.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = ROOMS_EXAMPLES)]
pub struct RoomsArgs {
    /// Only rooms whose name contains this
    #[arg(value_name = "PART", conflicts_with = "members")]
    pub search: Option<String>,
    /// Order: members, messages or name
    #[arg(long, value_name = "BY", default_value = "members", value_parser = str::parse::<RoomSort>)]
    pub sort: RoomSort,
    /// How many are shown, 1 to 1000
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub limit: u64,
    /// Show the members of this room instead
    #[arg(long, value_name = "ROOM")]
    pub members: Option<String>,
    /// Which cluster.
    #[command(flatten)]
    pub admin: AdminArgs,
}

const ROOMS_EXAMPLES: &str = "Examples:
  pomelo-sim rooms
      the fifty with most members
  pomelo-sim rooms game- --sort messages --limit 10
      the ten busiest in whose name game- occurs
  pomelo-sim rooms --members lobby
      who is in lobby, and on which connector";

/// Show the users of the running cluster
///
/// In order of uid, which in the chat tutorial is name*rid. One row a user: its frontend, the
/// number of its session there, as in logs, and its rooms, each with its server.
///
/// Exit code: 0 with the table, 2 when no cluster runs.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = USERS_EXAMPLES)]
pub struct UsersArgs {
    /// Only users whose uid contains this
    #[arg(value_name = "PART")]
    pub search: Option<String>,
    /// How many are shown, 1 to 1000
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub limit: u64,
    /// Which cluster.
    #[command(flatten)]
    pub admin: AdminArgs,
}

const USERS_EXAMPLES: &str = "Examples:
  pomelo-sim users
  pomelo-sim users '*lobby' --json
      who is in the tutorial's room lobby, for scripts";

/// Close the session of a user
///
/// The client is told why, the rooms learn that the user left, and the uid is free.
///
/// Exit code: 0 when the session closes, 2 when nobody is logged in by that uid.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = KICK_EXAMPLES)]
pub struct KickArgs {
    /// Uid, as users prints it
    #[arg(value_name = "UID")]
    pub uid: String,
    /// Reason for the client, at most 256 bytes
    #[arg(long, value_name = "TEXT", default_value = KICK_REASON)]
    pub reason: String,
    /// Which cluster.
    #[command(flatten)]
    pub admin: AdminArgs,
}

const KICK_EXAMPLES: &str = "Examples:
  pomelo-sim kick 'alice*lobby'
  pomelo-sim kick 'alice*lobby' --reason 'spam'";

/// Runs `rooms`.
pub fn run_rooms(args: &RoomsArgs) -> Outcome {
    if let Some(room) = &args.members {
        return args.admin.order(&Order::Room { room: room.clone() }, members_as_text);
    }
    let search = args.search.clone().unwrap_or_default();
    args.admin.order(&Order::Rooms { search, sort: args.sort, limit: args.limit }, rooms_as_text)
}

/// Runs `users`.
pub fn run_users(args: &UsersArgs) -> Outcome {
    let search = args.search.clone().unwrap_or_default();
    args.admin.order(&Order::Users { search, limit: args.limit }, users_as_text)
}

/// Runs `kick`.
pub fn run_kick(args: &KickArgs) -> Outcome {
    let order = Order::Kick { uid: args.uid.clone(), reason: args.reason.clone() };
    args.admin.order(&order, |answer: &Value| {
        let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
        format!("kicked {} from {}\n", text("kicked"), text("frontend"))
    })
}

fn rooms_as_text(Rooms { rooms, total }: &Rooms) -> String {
    let row = |room: &RoomLine| {
        vec![
            printable(&room.room),
            room.server.to_string(),
            room.members.to_string(),
            room.messages.to_string(),
            room.messages_per_second.to_string(),
            room.key.as_deref().map_or("-".to_owned(), printable),
        ]
    };
    let header = ["ROOM", "SERVER", "MEMBERS", "MESSAGES", "MSG/S", "KEY"];
    let text = table(&header, &rooms.iter().map(row).collect::<Vec<_>>());
    text + &rest(rooms.len(), *total, "room")
}

fn members_as_text(RoomDetail { room, server, members, total, .. }: &RoomDetail) -> String {
    let row = |member: &MemberLine| {
        vec![printable(member.uid.as_str()), member.frontend.to_string(), member.session.to_string()]
    };
    let text = table(&["UID", "FRONTEND", "SESSION"], &members.iter().map(row).collect::<Vec<_>>());
    format!("{} on {server}: {}\n{text}", printable(room), count(*total, "member"))
        + &rest(members.len(), *total, "member")
}

fn users_as_text(Users { users, total }: &Users) -> String {
    let row = |user: &UserLine| {
        let rooms = user.rooms.iter().map(|of| format!("{} ({})", printable(&of.room), of.server));
        vec![
            printable(user.uid.as_str()),
            user.frontend.to_string(),
            user.session.to_string(),
            rooms.collect::<Vec<_>>().join(", "),
        ]
    };
    let header = ["UID", "FRONTEND", "SESSION", "ROOMS"];
    table(&header, &users.iter().map(row).collect::<Vec<_>>()) + &rest(users.len(), *total, "user")
}

/// The number of rows that are not shown.
fn rest(shown: usize, total: usize, noun: &str) -> String {
    match total.saturating_sub(shown) {
        0 => String::new(),
        _ => format!("{shown} of {}\n", count(total, noun)),
    }
}

/// Clients choose names: escape them for the terminal.
pub(super) fn printable(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_control() { c.escape_unicode().to_string() } else { c.to_string() })
        .collect()
}
