//! A changed configuration in a running system: whole or not at all. What cannot change while it runs is said, and
//! stays as it was.

use std::collections::HashMap;
use std::sync::Arc;

use stanchion_admission::ids::RoomName;
use stanchion_config::Config;

use super::start::Running;
use super::{assemble, places};
use crate::flow::limits::Limits;
use crate::flow::sites::Sites;
use crate::pages::Template;

impl Running {
    /// Takes `new` over, where the sockets are those of `started`. Keys and certificates are read again, too.
    ///
    /// # Errors
    /// What cannot be read; nothing has changed then.
    pub async fn reload(
        &self,
        started: &Config,
        new: &Config,
        templates: HashMap<RoomName, Template>,
    ) -> anyhow::Result<()> {
        let keys = self.keys.read()?;
        let same_sockets = (&started.edge.listen, &started.edge.listen_tls) == (&new.edge.listen, &new.edge.listen_tls);
        if same_sockets {
            for (number, (_, settings)) in assemble::listeners(new).iter().enumerate() {
                self.edge.reload_certificates(number, settings)?;
            }
        }
        let policies = assemble::policies(new);
        for problem in self.geo.reload(&places::files(new)) {
            tracing::error!(%problem, "a geo database stays as it was");
        }
        self.gate.keys.store(Arc::new(keys));
        let sites = Sites::new(new, templates).after(&self.gate.sites.load());
        self.gate.sites.store(Arc::new(sites));
        if !self.gate.limits.load().are(&new.limits) {
            let limits = Limits::new(&new.limits, self.exchange.as_ref());
            self.gate.limits.store(Arc::new(limits));
        }
        self.agent.reconfigure(policies.clone());
        self.rooms.reconfigure(policies);
        self.edge.replace(assemble::edge_settings(new)).await;
        Ok(())
    }
}
