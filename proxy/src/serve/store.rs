//! From `[store]` to what the Redis client is told: who loads the scripts, who asks the sentinels, whose certificates
//! are accepted. Reads the files that hold them; what is in them stays out of every message.

use anyhow::Context;
use stanchion_admission::store::redis::url::Credentials;
use stanchion_admission::store::redis::{RedisOptions, TlsCertificates};
use stanchion_config::{Login, Store};

use crate::config_file::read_password;

/// # Errors
/// A file that cannot be read, or holds no password.
pub fn options(store: &Store) -> anyhow::Result<RedisOptions> {
    let authority = store.ca.as_ref().map(|path| {
        let pem = std::fs::read(path).with_context(|| format!("store.ca: {}", path.display()))?;
        anyhow::Ok(TlsCertificates {
            client_tls: None,
            root_cert: Some(pem),
        })
    });
    Ok(RedisOptions {
        call_within: Some(store.deadline),
        max_in_flight: Some(store.max_in_flight),
        loader: store.loader.as_ref().map(credentials).transpose()?,
        sentinel: store
            .sentinel
            .as_ref()
            .map(credentials)
            .transpose()?
            .unwrap_or_default(),
        tls: authority.transpose()?,
    })
}

fn credentials(login: &Login) -> anyhow::Result<Credentials> {
    let password = read_password(&login.password_file).map_err(anyhow::Error::msg);
    Ok(Credentials {
        user: login.user.clone(),
        password: Some(password.with_context(|| login.password_file.display().to_string())?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config_file;
    use stanchion_admission::store::redis::RedisStore;
    use stanchion_testkit::{Redis, free_port};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    const ROOMS: &str = "[[origins]]\nname = \"a\"\nservers = [\"127.0.0.1:9000\"]\n\
        [[rooms]]\nname = \"r\"\norigin = \"a\"\ncapacity = 5\nrate = \"5/min\"\n";

    fn write(folder: &Path, name: &str, text: &str) {
        fs::write(folder.join(name), text).unwrap();
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn read(folder: &Path, store: &str) -> Store {
        write(folder, "stanchion.toml", &format!("[store]\n{store}\n{ROOMS}"));
        config_file::read(&folder.join("stanchion.toml")).unwrap().store
    }

    #[test]
    fn logins_are_read_from_their_files() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        write(at, "loader", "p4ss word\n");
        write(at, "sentinel", "of the sentinels");
        let url = "url = \"redis+sentinel://a:26379/main\"";
        let told = options(&read(at, url)).unwrap();
        assert!(told.loader.is_none() && told.sentinel == Credentials::default() && told.tls.is_none());
        let store = read(
            at,
            &format!(
                "{url}\nloader_user = \"l\"\nloader_password_file = \"loader\"\nsentinel_password_file = \"sentinel\""
            ),
        );
        let told = options(&store).unwrap();
        let login = |user: Option<&str>, password: &str| Credentials {
            user: user.map(str::to_owned),
            password: Some(password.to_owned()),
        };
        assert!(told.loader == Some(login(Some("l"), "p4ss word")));
        assert!(told.sentinel == login(None, "of the sentinels"));
        write(at, "loader", "\n");
        let refused = options(&store)
            .err()
            .map(|error| format!("{error:#}"))
            .unwrap_or_default();
        assert!(
            refused.contains("loader") && refused.contains("first line"),
            "{refused}"
        );
    }

    /// THREATS §7.7: a store whose certificate comes from an authority of one's own, and a loader beside the edge's user.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_store_with_an_authority_of_its_own_is_reached() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        write(at, "cert.pem", &made.cert.pem());
        write(at, "key.pem", &made.signing_key.serialize_pem());
        write(at, "loader", "loads");
        let path = |name: &str| at.join(name).display().to_string();
        let port = free_port().to_string();
        let redis = Redis::with(&[
            ("tls-port", &port),
            ("tls-cert-file", &path("cert.pem")),
            ("tls-key-file", &path("key.pem")),
            ("tls-ca-cert-file", &path("cert.pem")),
            ("tls-auth-clients", "no"),
        ]);
        redis.run(&["ACL", "SETUSER", "loader", "on", ">loads", "+script|load", "+ping"]);
        redis.run(&[
            "ACL",
            "SETUSER",
            "edge",
            "on",
            ">edge",
            "~stanchion:*",
            "+@all",
            "-script",
        ]);
        let url = format!("rediss://edge:edge@localhost:{port}");
        let keys = "loader_user = \"loader\"\nloader_password_file = \"loader\"";
        let store = read(at, &format!("url = \"{url}\"\nca = \"cert.pem\"\n{keys}"));
        let reached = RedisStore::connect(&url, options(&store).unwrap()).await.unwrap();
        assert!(reached.status().connected, "{:?}", reached.status());
        let wary = read(at, &format!("url = \"{url}\"\n{keys}"));
        let refused = RedisStore::connect(&url, options(&wary).unwrap()).await.unwrap();
        assert!(!refused.status().connected, "the system does not know this authority");
    }
}
