//! Routing changes of a running cluster: another strategy for a type, link rules, a kicked session.
//! The router makes each between two envelopes, concurrently with changes of servers.

use super::control::ControlError;
use super::running::RunningCluster;
use super::timeline::EventKind;
use crate::ids::{ServerId, ServerType, Uid};
use crate::router::{LinkRule, Preview, UnknownRule};
use crate::servers::name_of;
use crate::strategies::StrategySpec;

impl RunningCluster {
    /// Chooses the servers of a type by another strategy from now on: see
    /// [`Router::set_strategy`](crate::router::Router::set_strategy). Returns its effect.
    ///
    /// # Errors
    /// The type is unknown, or the strategy does not suit it.
    pub fn set_strategy(&self, server_type: &str, strategy: StrategySpec) -> Result<Preview, ControlError> {
        let (server_type, timeline) = (ServerType::from(server_type), self.timeline.clone());
        self.with_router(move |router, now, out| {
            let preview = router.preview(&server_type, &strategy, name_of)?;
            router.set_strategy(now, &server_type, strategy, out)?;
            let Preview { from, to, rooms_moved, rooms, .. } = &preview;
            if from != to {
                let moved = match rooms {
                    0 => String::new(),
                    _ => format!("; {rooms_moved} of {rooms} rooms move"),
                };
                timeline.note(EventKind::Strategy, None, format!("{server_type}: {from} to {to}{moved}"));
            }
            Ok(Preview { applied: true, ..preview })
        })?
    }

    /// Adds a rule after the others, or replaces the rule with that name. Returns its name.
    ///
    /// # Errors
    /// The cluster has ended.
    pub fn add_link_rule(&self, rule: LinkRule) -> Result<String, ControlError> {
        let timeline = self.timeline.clone();
        self.with_router(move |router, now, out| {
            let mut shown = rule.clone();
            shown.name = router.install(now, rule, out);
            timeline.note(EventKind::Link, None, shown.to_string());
            shown.name
        })
    }

    /// Removes a rule, or all of them; envelopes that waited on cut links are sent on.
    ///
    /// # Errors
    /// No link rule has that name.
    pub fn heal(&self, name: Option<&str>) -> Result<(), ControlError> {
        let (name, timeline) = (name.map(str::to_owned), self.timeline.clone());
        self.with_router(move |router, now, out| {
            router.heal(now, name.as_deref(), out)?;
            // Noted before its consequences: a stop may have waited for this link.
            timeline.note(EventKind::Healed, None, name.as_deref().unwrap_or("all rules"));
            Ok::<_, UnknownRule>(())
        })??;
        Ok(())
    }

    /// Closes the session of a user, and tells the client the reason. Returns the session's
    /// frontend.
    ///
    /// # Errors
    /// Nobody is logged in with that uid.
    pub fn kick(&self, uid: &str, reason: &str) -> Result<ServerId, ControlError> {
        let (kicked, why, timeline) = (Uid::from(uid), reason.to_owned(), self.timeline.clone());
        let session = self.with_router(move |router, now, out| {
            let session = router.kick(now, &kicked, &why, out)?;
            timeline.note(EventKind::Kick, Some(&session.frontend), format!("{kicked}: {why}"));
            Some(session)
        })?;
        let session = session.ok_or_else(|| ControlError::UnknownUser { uid: uid.to_owned() })?;
        Ok(session.frontend)
    }
}
