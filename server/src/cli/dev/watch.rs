//! Which files are watched, and which changes count.
//!
//! Folders are watched one by one instead of with all that is in them: those that a build fills with thousands of files
//! are left out.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher, event::ModifyKind};

use crate::cli::{Hint, build::is_source_file};

/// Files that are saved together, or in steps, are one change: when it has been quiet for so long.
const QUIET: Duration = Duration::from_millis(150);
/// But no longer than this, if there is no quiet.
const QUIET_MAX: Duration = Duration::from_secs(2);

/// Folders with what builds make. Hidden ones are left out as well.
const IGNORED_FOLDERS: [&str; 3] = ["target", "node_modules", "dist"];
/// A folder with this file says that everything in it can be made again.
const CACHE_TAG: &str = "CACHEDIR.TAG";
/// A build writes it beside the sources.
const BUILD_INFO: &str = ".tsbuildinfo";

/// What belongs to a module.
#[derive(Debug)]
pub(super) enum Scope {
    /// A folder and what is in it.
    Project(PathBuf),
    /// One file in a folder that may be full of other things.
    File(PathBuf),
}

impl Scope {
    /// The scope of what is built from `path`, which is in a project with that root, if in one at all.
    pub(super) fn new(path: &Path, root: &Path) -> Result<Self> {
        let path = path.canonicalize()?;
        let is_project = ["Cargo.toml", "package.json", "tsconfig.json"];
        let is_project = is_project.iter().any(|file| root.join(file).is_file());
        Ok(if path.is_file() && !is_project { Self::File(path) } else { Self::Project(root.into()) })
    }

    /// Whether a change of that file counts.
    fn has(&self, file: &Path, outside: &HashSet<PathBuf>) -> bool {
        let Some(name) = file.file_name().and_then(|name| name.to_str()) else { return false };
        if is_ignored_name(name) || name.ends_with('~') || name.ends_with(BUILD_INFO) {
            return false;
        }
        let is_source = || is_source_file(file) || name.ends_with(".json");
        match self {
            Self::Project(root) => file.starts_with(root) || outside.contains(file),
            Self::File(_) => is_source(),
        }
    }
}

/// Sees when files change.
#[derive(Debug)]
pub(super) struct Watch {
    scope: Scope,
    watcher: RecommendedWatcher,
    events: Receiver<notify::Result<notify::Event>>,
    folders: HashSet<PathBuf>,
    /// Files outside the project that the program is made of, too.
    outside: HashSet<PathBuf>,
}

impl Watch {
    /// Watches nothing yet.
    pub(super) fn new(scope: Scope) -> Result<Self> {
        let (sender, events) = mpsc::channel();
        let watcher = notify::recommended_watcher(move |event| {
            // Nobody wants to know any more when the receiver has gone.
            let _ = sender.send(event);
        });
        let watcher = watcher.context("this system does not tell which files change")?;
        Ok(Self { scope, watcher, events, folders: HashSet::new(), outside: HashSet::new() })
    }

    /// Watches what there is by now: the folders of the project, and the files that the program was made of.
    pub(super) fn cover(&mut self, inputs: &[PathBuf]) -> Result<()> {
        let mut folders = HashSet::new();
        match &self.scope {
            Scope::Project(root) => collect_folders(root, &mut folders),
            Scope::File(file) => folders.extend(file.parent().map(Path::to_owned)),
        }
        // A build that has failed says nothing about its files: those of the one before are as good.
        if !inputs.is_empty() {
            let is_outside = |file: &&PathBuf| file.parent().is_some_and(|folder| !folders.contains(folder));
            self.outside = inputs.iter().filter(is_outside).cloned().collect();
        }
        folders.extend(self.outside.iter().filter_map(|file| file.parent()).map(Path::to_owned));
        for gone in self.folders.difference(&folders) {
            // If it was deleted, it is not watched anyway.
            let _ = self.watcher.unwatch(gone);
        }
        self.folders.retain(|folder| folders.contains(folder));
        for folder in folders {
            match self.watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => drop(self.folders.insert(folder)),
                // It went between being found and being watched.
                Err(_) if !folder.exists() => {}
                Err(error) => {
                    let error = anyhow::Error::from(error).context("changes of files cannot be seen");
                    return Err(error.context(Hint(
                        "on Linux, fs.inotify.max_user_watches says how many folders can be watched".into(),
                    )));
                }
            }
        }
        Ok(())
    }

    /// Waits for a change, and then until there are no more for a moment. One of the files that have changed, named
    /// as short as it can be.
    pub(super) fn wait(&mut self) -> Result<PathBuf> {
        let changed = loop {
            let event = self.events.recv().context("the system has stopped telling which files change")?;
            if let Some(file) = self.changed_file(&event) {
                break file;
            }
        };
        let began = Instant::now();
        let mut quiet_at = began + QUIET;
        while began.elapsed() < QUIET_MAX {
            match self.events.recv_timeout(quiet_at.saturating_duration_since(Instant::now())) {
                Ok(event) if self.changed_file(&event).is_some() => quiet_at = Instant::now() + QUIET,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        let root = match &self.scope {
            Scope::Project(root) => Some(&**root),
            Scope::File(file) => file.parent(),
        };
        let shorter = root.and_then(|root| changed.strip_prefix(root).ok()).map(Path::to_owned);
        Ok(shorter.unwrap_or(changed))
    }

    /// The file that an event is about, if it counts.
    fn changed_file(&self, event: &notify::Result<notify::Event>) -> Option<PathBuf> {
        // An error: something was missed.
        let Ok(event) = event else { return Some("some file".into()) };
        if event.need_rescan() {
            return Some("some file".into());
        }
        let is_change = match event.kind {
            EventKind::Create(_) | EventKind::Remove(_) => true,
            EventKind::Modify(kind) => !matches!(kind, ModifyKind::Metadata(_)),
            EventKind::Access(_) | EventKind::Any | EventKind::Other => false,
        };
        event.paths.iter().find(|file| is_change && self.scope.has(file, &self.outside)).cloned()
    }
}

fn is_ignored_name(name: &str) -> bool {
    name.starts_with('.') || IGNORED_FOLDERS.contains(&name)
}

/// The folder and those below it, except what is ignored, and what went meanwhile or is somebody else's. Links are not
/// followed.
fn collect_folders(folder: &Path, into: &mut HashSet<PathBuf>) {
    into.insert(folder.to_owned());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_ignored = entry.file_name().to_str().is_none_or(is_ignored_name);
        let path = entry.path();
        if !is_ignored && entry.file_type().is_ok_and(|it| it.is_dir()) && !path.join(CACHE_TAG).exists() {
            collect_folders(&path, into);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            write(&dir.path().join(file));
        }
        let root = dir.path().canonicalize().unwrap();
        (dir, root)
    }

    fn write(file: &Path) {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "x").unwrap();
    }

    fn folders(root: &Path) -> Vec<String> {
        let mut found = HashSet::new();
        collect_folders(root, &mut found);
        let mut found: Vec<_> =
            found.iter().map(|it| it.strip_prefix(root).unwrap().display().to_string()).collect();
        found.sort();
        found
    }

    #[test]
    fn what_builds_make_is_not_watched() {
        let (_dir, root) = project(&[
            "Cargo.toml",
            "src/a/lib.rs",
            "target/x/y",
            "made/CACHEDIR.TAG",
            "node_modules/p/index.js",
            "dist/bundle.js",
            ".git/HEAD",
            ".orrery/server/x",
            "docs/dist/x",
        ]);
        assert_eq!(folders(&root), ["", "docs", "src", "src/a"]);
    }

    #[test]
    fn changes_count_where_they_matter() {
        let (_dir, root) = project(&["Cargo.toml", "src/lib.rs"]);
        let scope = Scope::new(&root, &root).unwrap();
        let outside = HashSet::from([PathBuf::from("/elsewhere/lib.rs")]);
        let has = |file: &str| scope.has(&root.join(file), &outside);
        for file in ["src/lib.rs", "Cargo.toml", "src/data.csv", "/elsewhere/lib.rs"] {
            assert!(has(file), "{file}");
        }
        for file in ["target", "src/.lib.rs.swp", "src/lib.rs~", "a.tsbuildinfo", "/elsewhere/other.rs"] {
            assert!(!has(file), "{file}");
        }
        let (_dir, root) = project(&["chat.ts", "letter.txt"]);
        let scope = Scope::new(&root.join("chat.ts"), &root).unwrap();
        assert!(scope.has(&root.join("chat.ts"), &HashSet::new()));
        assert!(!scope.has(&root.join("letter.txt"), &HashSet::new()));
    }

    #[test]
    fn changes_are_seen_also_in_new_folders() {
        let (_dir, root) = project(&["Cargo.toml", "src/lib.rs"]);
        let mut watch = Watch::new(Scope::new(&root, &root).unwrap()).unwrap();
        watch.cover(&[]).unwrap();
        write(&root.join("target/made"));
        write(&root.join("src/lib.rs"));
        assert_eq!(watch.wait().unwrap(), Path::new("src/lib.rs"));
        fs::create_dir(root.join("src/new")).unwrap();
        assert_eq!(watch.wait().unwrap(), Path::new("src/new"));
        watch.cover(&[]).unwrap();
        write(&root.join("src/new/mod.rs"));
        assert_eq!(watch.wait().unwrap(), Path::new("src/new/mod.rs"));
    }

    #[test]
    fn what_a_file_imports_is_watched() {
        let (_dir, root) = project(&["app/chat.ts", "shared/names.ts", "shared/other.ts"]);
        let scope = Scope::new(&root.join("app/chat.ts"), &root.join("app")).unwrap();
        let mut watch = Watch::new(scope).unwrap();
        watch.cover(&[root.join("app/chat.ts"), root.join("shared/names.ts")]).unwrap();
        write(&root.join("shared/names.ts"));
        assert_eq!(watch.wait().unwrap(), root.join("shared/names.ts"));
    }
}
