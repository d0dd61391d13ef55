//! Watches the files that the configuration stands on: itself, certificates, keys, templates. No change is lost between
//! reading and watching.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use stanchion_admission::keys::KEY_FILE_ENDING;
use stanchion_config::Config;
use tokio::sync::mpsc;

/// Says when a file has changed, for as long as it lives.
pub struct Watch {
    files: Vec<PathBuf>,
    keys: PathBuf,
    say: mpsc::Sender<()>,
    watcher: Option<RecommendedWatcher>,
}

impl Watch {
    /// To be called before the process shows that it is there: from then on somebody may change a file. The folder of
    /// keys may be made later: [`Watch::keys_are_there`].
    pub fn begin(config_path: &Path, config: &Config, say: mpsc::Sender<()>) -> Watch {
        let mut watch = Watch {
            files: files_of(config_path, config),
            keys: config.keys.dir.clone(),
            say,
            watcher: None,
        };
        watch.begin_anew();
        watch
    }

    pub fn keys_are_there(&mut self) {
        if let Some(Err(problem)) = self
            .watcher
            .as_mut()
            .map(|watcher| watcher.watch(&self.keys, RecursiveMode::NonRecursive))
        {
            tracing::warn!(%problem, "the keys are not watched; reload with SIGHUP");
        }
    }

    /// A folder may have been replaced by another of its name.
    pub fn begin_anew(&mut self) {
        self.watcher = watcher(&self.files, &self.keys, &self.say);
    }

    /// Watches what `config` stands on. Where that is not what was watched while it was read, it has to be read once more.
    pub fn follow(&mut self, config_path: &Path, config: &Config) {
        let files = files_of(config_path, config);
        if files == self.files && config.keys.dir == self.keys {
            return;
        }
        self.files = files;
        self.keys.clone_from(&config.keys.dir);
        self.begin_anew();
        let _ = self.say.try_send(());
    }
}

fn watcher(files: &[PathBuf], keys: &Path, say: &mpsc::Sender<()>) -> Option<RecommendedWatcher> {
    let say = say.clone();
    let mut folders: Vec<PathBuf> = files.iter().map(|file| folder(file)).collect();
    folders.extend(keys.is_dir().then(|| keys.to_owned()));
    folders.sort_unstable();
    folders.dedup();
    let names: HashSet<OsString> = files
        .iter()
        .filter_map(|file| file.file_name().map(OsString::from))
        .collect();
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|e| !e.kind.is_access() && e.paths.iter().any(|path| concerns(path, &names))) {
            let _ = say.try_send(());
        }
    });
    let watched = watcher.and_then(|mut watcher| {
        folders
            .iter()
            .try_for_each(|folder| watcher.watch(folder, RecursiveMode::NonRecursive))?;
        Ok(watcher)
    });
    match watched {
        Ok(watcher) => Some(watcher),
        Err(problem) => {
            tracing::warn!(%problem, "files are not watched; reload with SIGHUP");
            None
        }
    }
}

fn files_of(config_path: &Path, config: &Config) -> Vec<PathBuf> {
    let certificates = config
        .edge
        .certificates
        .iter()
        .flat_map(|c| [c.cert.clone(), c.key.clone()]);
    let templates = config.rooms.iter().filter_map(|room| room.page.template.clone());
    std::iter::once(config_path.to_owned())
        .chain(certificates)
        .chain(templates)
        .collect()
}

/// A named file, a key, or the link that a mounted folder is swapped by.
fn concerns(path: &Path, names: &HashSet<OsString>) -> bool {
    let name = path.file_name().unwrap_or_default();
    names.contains(name) || name == "..data" || name.to_str().is_some_and(|name| name.ends_with(KEY_FILE_ENDING))
}

fn folder(path: &Path) -> PathBuf {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
        .to_owned()
}
