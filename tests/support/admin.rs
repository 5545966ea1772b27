//! A cluster that only notes its orders, behind a real admin port with a real file.

use std::fs::{self, DirBuilder};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pomelo_sim::admin::{AdminFile, AdminServer, Credentials, Identity, Orders, Token, Verb};
use pomelo_sim::audit::{Law, Violation};
use pomelo_sim::config::{ClusterSpec, Ports, ServerSpec};
use pomelo_sim::ids::ServerId;
use pomelo_sim::live::{
    ClusterView, ControlError, EventKind, Events, LiveExplanation, MemberLine, Reloaded, RoomDetail,
    RoomLine, RoomOfUser, RoomQuery, RoomSort, Rooms, ServerState, ServerStatus, SessionPlace, Timeline,
    TypeView, UserLine, Users,
};
use pomelo_sim::router::{LinkRule, Preview, Router, RouterCounters, UnknownRule};
use pomelo_sim::servers::name_of;
use pomelo_sim::strategies::StrategySpec;
use pomelo_sim::time::Time;
use pomelo_sim::trace::{Filter, TapeView, Watch};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{PATIENCE, cluster, figures, spec};

/// Remembers what it was told, and does it on a list.
pub struct Fake {
    servers: Mutex<Vec<(ServerSpec, ServerState)>>,
    rules: Mutex<Vec<LinkRule>>,
    router: Mutex<Router>,
    pub watch: Watch,
    pub ends: AtomicUsize,
    views: AtomicUsize,
    pub timeline: Timeline,
    /// What it serves.
    config: PathBuf,
}

impl Default for Fake {
    /// The tutorial's seven servers.
    fn default() -> Self {
        let mut servers = spec(3, 3).servers;
        for (number, server) in servers.iter_mut().enumerate().filter(|(_, server)| server.frontend) {
            server.client_port = Some(3050 + number as u16);
        }
        let servers = servers.into_iter().map(|server| (server, ServerState::Running)).collect();
        Self {
            servers: Mutex::new(servers),
            rules: Mutex::default(),
            router: Mutex::new(cluster(3, 3).plan().unwrap().router),
            watch: Watch::new(0.0),
            ends: AtomicUsize::new(0),
            views: AtomicUsize::new(0),
            timeline: Timeline::default(),
            config: PathBuf::from("servers.json"),
        }
    }
}

impl Fake {
    pub fn states(&self) -> Vec<(String, ServerState)> {
        let servers = self.servers.lock().unwrap();
        servers.iter().map(|(server, state)| (server.id.to_string(), *state)).collect()
    }

    pub fn state(&self, id: &str) -> Option<ServerState> {
        self.states().into_iter().find(|(known, _)| known == id).map(|(_, state)| state)
    }

    pub fn server(&self, id: &str) -> Option<ServerSpec> {
        let servers = self.servers.lock().unwrap();
        servers.iter().map(|(server, _)| server).find(|server| server.id.as_str() == id).cloned()
    }
}

impl Orders for Fake {
    fn list(&self) -> Result<Vec<ServerStatus>, ControlError> {
        let servers = self.servers.lock().unwrap();
        let status = |(server, state): &(ServerSpec, ServerState)| ServerStatus {
            id: server.id.clone(),
            server_type: server.server_type.clone(),
            state: *state,
            host: server.host.clone(),
            port: server.port,
            clients: server.client_port.map(|port| ([127, 0, 0, 1], port).into()),
            uptime: Duration::from_millis(if *state == ServerState::Running { 61_500 } else { 0 }),
            sessions: 2,
            rooms: 1,
            messages_per_second: 40,
            restarts: 0,
        };
        Ok(servers.iter().map(status).collect())
    }

    fn add(&self, server: ServerSpec) -> Result<(), ControlError> {
        self.servers.lock().unwrap().push((server, ServerState::Running));
        Ok(())
    }

    fn each(&self, verb: Verb, id: &str) -> Result<(), ControlError> {
        let mut servers = self.servers.lock().unwrap();
        let Some(at) = servers.iter().position(|(server, _)| server.id.as_str() == id) else {
            let known = servers.iter().map(|(server, _)| server.id.to_string()).collect();
            return Err(ControlError::UnknownServer { id: id.to_owned(), known });
        };
        let state = servers[at].1;
        let (wanted, next) = match verb {
            Verb::Remove => {
                servers.remove(at);
                return Ok(());
            }
            Verb::Stop => (ServerState::Running, ServerState::Stopped),
            Verb::Kill => (ServerState::Running, ServerState::Killed),
            Verb::Pause => (ServerState::Running, ServerState::Paused),
            Verb::Resume => (ServerState::Paused, ServerState::Running),
            Verb::Restart => (state, ServerState::Running),
        };
        if state != wanted {
            let wanted = "expected another state";
            return Err(ControlError::WrongState { id: id.into(), state, wanted });
        }
        servers[at].1 = next;
        Ok(())
    }

    fn reload(&self) -> Result<Reloaded, ControlError> {
        let spec = ClusterSpec::load(&self.config, "development")?;
        let mut servers = self.servers.lock().unwrap();
        let ids = |all: &[ServerSpec]| all.iter().map(|server| server.id.clone()).collect::<Vec<_>>();
        let old: Vec<ServerSpec> = servers.iter().map(|(server, _)| server.clone()).collect();
        let (before, after) = (ids(&old), ids(&spec.servers));
        *servers = spec.servers.iter().map(|server| (server.clone(), ServerState::Running)).collect();
        Ok(Reloaded {
            added: after.iter().filter(|id| !before.contains(id)).cloned().collect(),
            removed: before.iter().filter(|id| !after.contains(id)).cloned().collect(),
            ..Reloaded::default()
        })
    }

    fn audit(&self) -> Result<Vec<Violation>, ControlError> {
        // A fault for each server that was killed: so that a test can see both answers.
        let servers = self.servers.lock().unwrap();
        let killed = servers.iter().filter(|(_, state)| *state == ServerState::Killed);
        let fault = |(server, _): &(ServerSpec, ServerState)| Violation {
            law: Law::UidBoundOnce,
            detail: format!("alice*room is on {}", server.id),
        };
        Ok(killed.map(fault).collect())
    }

    fn link_rules(&self) -> Result<Vec<LinkRule>, ControlError> {
        Ok(self.rules.lock().unwrap().clone())
    }

    fn add_link_rule(&self, mut rule: LinkRule) -> Result<String, ControlError> {
        let mut rules = self.rules.lock().unwrap();
        if rule.name.is_empty() {
            rule.name = format!("rule-{}", rules.len() + 1);
        }
        rules.retain(|known| known.name != rule.name);
        rules.push(rule.clone());
        Ok(rule.name)
    }

    fn heal(&self, name: Option<&str>) -> Result<(), ControlError> {
        let mut rules = self.rules.lock().unwrap();
        let known: Vec<String> = rules.iter().map(|rule| rule.name.clone()).collect();
        match name {
            None => rules.clear(),
            Some(name) if known.iter().any(|rule| rule == name) => rules.retain(|rule| rule.name != name),
            Some(name) => return Err(UnknownRule { name: name.to_owned(), known }.into()),
        }
        Ok(())
    }

    fn view(&self) -> Result<ClusterView, ControlError> {
        let servers = self.servers.lock().unwrap();
        let mut view = ClusterView {
            env: "development".into(),
            source: "servers.json".into(),
            uptime_seconds: 61.5 + self.views.fetch_add(1, Ordering::SeqCst) as f64,
            servers: Vec::new(),
            types: Vec::new(),
            edges: Vec::new(),
            rules: self.rules.lock().unwrap().clone(),
            router: RouterCounters::default(),
            uids: 2,
        };
        for (server, state) in servers.iter() {
            view.servers.push(figures::server(server, *state, view.uptime_seconds));
            figures::list(&mut view.types, server);
        }
        Ok(view)
    }

    fn rooms(&self, query: RoomQuery) -> Result<Rooms, ControlError> {
        let rooms = figures::rooms().into_iter().filter(|room| room.room.contains(&query.search));
        let mut rooms: Vec<RoomLine> = rooms.collect();
        let total = rooms.len();
        if query.sort == RoomSort::Messages {
            rooms.sort_by_key(|room| std::cmp::Reverse(room.messages));
        }
        rooms.truncate(query.limit);
        Ok(Rooms { rooms, total })
    }

    fn room(&self, room: &str) -> Result<RoomDetail, ControlError> {
        let known = figures::rooms().into_iter().find(|known| known.room == room);
        let RoomLine { room, key, server, members: total, .. } =
            known.ok_or_else(|| ControlError::UnknownRoom { room: room.to_owned() })?;
        let members =
            vec![MemberLine { uid: "alice*lobby".into(), frontend: "connector-server-1".into(), session: 7 }];
        Ok(RoomDetail { room, key, server, members, total })
    }

    fn users(&self, search: &str, limit: usize) -> Result<Users, ControlError> {
        let room = || RoomOfUser { room: "lobby".into(), server: "chat-server-1".into() };
        let users = ["alice*lobby", "bob*lobby"].into_iter().filter(|uid| uid.contains(search));
        let line = |uid: &str| UserLine {
            uid: uid.into(),
            frontend: "connector-server-1".into(),
            session: 7,
            rooms: vec![room()],
        };
        let mut users: Vec<UserLine> = users.map(line).collect();
        let total = users.len();
        users.truncate(limit);
        Ok(Users { users, total })
    }

    fn kick(&self, uid: &str, reason: &str) -> Result<ServerId, ControlError> {
        if self.users(uid, 1)?.total == 0 {
            return Err(ControlError::UnknownUser { uid: uid.to_owned() });
        }
        let frontend = ServerId::from("connector-server-1");
        self.timeline.note(EventKind::Kick, Some(&frontend), format!("{uid}: {reason}"));
        Ok(frontend)
    }

    fn events(&self, since: u64) -> Events {
        self.timeline.since(since)
    }

    fn strategies(&self) -> Result<Vec<TypeView>, ControlError> {
        Ok(self.router.lock().unwrap().types())
    }

    fn strategy(&self, of: &str, strategy: StrategySpec, preview: bool) -> Result<Preview, ControlError> {
        let (mut router, server_type) = (self.router.lock().unwrap(), of.into());
        let foreseen = router.preview(&server_type, &strategy, name_of)?;
        if preview {
            return Ok(foreseen);
        }
        router.set_strategy(Time::START, &server_type, strategy, &mut Vec::new())?;
        Ok(Preview { applied: true, ..foreseen })
    }

    fn explain(&self, uid: &str, rid: &str) -> Result<LiveExplanation, ControlError> {
        let router = self.router.lock().unwrap();
        Ok(LiveExplanation {
            uid: uid.to_owned(),
            rid: rid.to_owned(),
            gates: router.listed(&"gate".into()),
            connector: router.explain(&"connector".into(), uid).unwrap(),
            chat: router.explain(&"chat".into(), rid).unwrap(),
            session: Some(SessionPlace { frontend: "connector-server-2".into(), session: 7 }),
            room: None,
        })
    }

    fn trace(&self, since: u64) -> Result<TapeView, ControlError> {
        Ok(self.watch.read(Time::START, since))
    }

    fn set_trace(&self, on: Option<(Filter, Duration)>) -> Result<TapeView, ControlError> {
        match on {
            Some((filter, lasts)) => self.watch.turn_on(Time::START, filter, lasts),
            None => self.watch.turn_off(),
        }
        self.trace(0)
    }

    fn end(&self) {
        self.ends.fetch_add(1, Ordering::SeqCst);
    }
}

/// An admin port of a [`Fake`], and a directory with its file.
pub struct AdminWorld {
    pub fake: Arc<Fake>,
    pub server: AdminServer,
    pub token: Token,
    pub file: AdminFile,
    pub directory: TempDir,
}

impl AdminWorld {
    pub fn start() -> Self {
        Self::with_timeout(PATIENCE)
    }

    pub fn with_timeout(line_timeout: Duration) -> Self {
        let directory = TempDir::new().unwrap();
        let config = directory.path().join("servers.json");
        fs::write(&config, super::servers_json(3, 3)).unwrap();
        let identity = Identity::new(&config, "development", Ports::default());
        let fake = Arc::new(Fake { config, ..Fake::default() });
        let token = Token::random().unwrap();
        let listener = AdminServer::listen(0).unwrap();
        let path = private_directory(&directory, "run").join("admin.json");
        let file =
            AdminFile::create(&path, &credentials(identity, listener.local_addr().unwrap(), &token)).unwrap();
        let orders = Arc::clone(&fake) as Arc<dyn Orders>;
        let server = AdminServer::start_with(listener, token.clone(), orders, line_timeout).unwrap();
        Self { fake, server, token, file, directory }
    }

    pub fn connect(&self) -> AdminLine {
        AdminLine::connect(self.server.address())
    }

    /// A request with the right token.
    pub fn request(&self, command: &str, args: Value) -> String {
        json!({"token": self.token.as_str(), "command": command, "args": args}).to_string()
    }

    /// One request on a connection of its own.
    pub fn ask(&self, command: &str, args: Value) -> Value {
        self.connect().ask(&self.request(command, args))
    }

    /// Writes a file beside the admin file's directory.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

/// What the file of a cluster of this process says.
pub fn credentials(identity: Identity, address: SocketAddr, token: &Token) -> Credentials {
    let (token, pid) = (token.clone(), std::process::id());
    Credentials { identity, address, token, pid, gate: None, console: None }
}

/// A directory that is its user's alone.
pub fn private_directory(parent: &TempDir, name: &str) -> PathBuf {
    let path = parent.path().join(name);
    DirBuilder::new().mode(0o700).create(&path).unwrap();
    path
}

/// A connection to an admin port, of which lines are read.
pub struct AdminLine(pub BufReader<TcpStream>);

impl AdminLine {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    /// The next answer; none when the connection has ended.
    pub fn answer(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        if line.is_empty() { None } else { Some(serde_json::from_str(&line).unwrap()) }
    }

    pub fn ask(&mut self, line: &str) -> Value {
        self.send(line.as_bytes());
        self.send(b"\n");
        self.answer().unwrap()
    }

    /// Nothing more comes, and the other side has closed.
    pub fn assert_closed(&mut self) {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => assert_eq!(String::from_utf8_lossy(&rest), ""),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
    }
}
