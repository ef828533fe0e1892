//! What a folder or a file is: which language, and where the module begins.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};

use crate::cli::Hint;

/// Something that can be built.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) enum Project {
    /// The folder that has the Cargo.toml.
    Rust(PathBuf),
    /// TypeScript or JavaScript.
    Script {
        /// The folder of the project.
        root: PathBuf,
        /// The file where the module begins, relative to that.
        entry: PathBuf,
        /// Where the bundle goes if nothing else is said.
        bundle: PathBuf,
    },
}

/// Where a module may begin, in this order.
const ENTRIES: [&str; 5] =
    ["src/index.ts", "src/index.tsx", "src/index.mts", "src/index.js", "src/index.mjs"];

impl Project {
    /// What is at that path: a file of TypeScript or JavaScript, a project's folder, or a folder with the project in
    /// its subfolder `spacetimedb`, which is where the official command line puts it.
    pub(in crate::cli) fn find(path: &Path) -> Result<Self> {
        if path.is_file() {
            return Self::of_file(path);
        }
        if !path.is_dir() {
            bail!("there is no {}", path.display());
        }
        if let Some(project) = Self::of_folder(&path.join("spacetimedb"))? {
            return Ok(project);
        }
        if let Some(project) = Self::of_folder(path)? {
            return Ok(project);
        }
        let what = match path.to_str() {
            Some(".") => "this folder".into(),
            _ => path.display().to_string(),
        };
        Err(anyhow!("there is no project in {what}: neither a Cargo.toml nor a package.json").context(Hint(
            "`orrery init` makes a project, --project-path names the folder of one, and --bin-path a file that is \
             built already"
                .into(),
        )))
    }

    /// The folder of the project, absolute; of a file without a project around it, the folder that it is in.
    pub(in crate::cli) fn root(&self) -> Result<PathBuf> {
        let (Self::Rust(root) | Self::Script { root, .. }) = self;
        root.canonicalize().with_context(|| format!("there is no {}", root.display()))
    }

    fn of_file(file: &Path) -> Result<Self> {
        if !is_source_file(file) {
            return Err(anyhow!("{} is neither TypeScript nor JavaScript", file.display())
                .context(Hint("a program that is built already is published with --bin-path".into())));
        }
        let path = file.canonicalize()?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        let is_root =
            |dir: &&Path| ["tsconfig.json", "package.json"].iter().any(|file| dir.join(file).is_file());
        let root = folder.ancestors().find(is_root).unwrap_or(folder);
        Ok(Self::Script {
            root: root.into(),
            entry: path.strip_prefix(root)?.into(),
            bundle: file.with_extension("bundle.js"),
        })
    }

    fn of_folder(dir: &Path) -> Result<Option<Self>> {
        let has = |file: &str| dir.join(file).is_file();
        if has("Cargo.toml") {
            return Ok(Some(Self::Rust(dir.into())));
        }
        let language = if has_file_with_extension(dir, "csproj") {
            "C#"
        } else if let Some(entry) = ENTRIES.into_iter().find(|entry| has(entry)) {
            let bundle = dir.strip_prefix(".").unwrap_or(dir).join("dist/bundle.js");
            let root = dir.canonicalize()?;
            return Ok(Some(Self::Script { root, entry: entry.into(), bundle }));
        } else if has("package.json") || has("tsconfig.json") {
            return Err(anyhow!("there is no {} in {}", ENTRIES[0], dir.display()).context(Hint(
                "that is where a module in TypeScript begins; another file can be named in its place".into(),
            )));
        } else if has("CMakeLists.txt") {
            "C++"
        } else {
            return Ok(None);
        };
        Err(anyhow!("{} is a project in {language}, which cannot be built yet", dir.display()).context(Hint(
            "build it with its own tools, and publish the WebAssembly file with --bin-path".into(),
        )))
    }
}

/// The folder in a project that is this program's, made if need be: nothing in it is for version control.
pub(in crate::cli) fn own_folder(root: &Path) -> Result<PathBuf> {
    let folder = root.join(".orrery");
    let ignore = folder.join(".gitignore");
    if !ignore.exists() {
        let made = fs::create_dir_all(&folder).and_then(|()| fs::write(&ignore, "*\n"));
        made.with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    Ok(folder)
}

/// Whether that is the name of a file of TypeScript or JavaScript.
pub(in crate::cli) fn is_source_file(file: &Path) -> bool {
    let extension = file.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("ts" | "tsx" | "mts" | "js" | "jsx" | "mjs"))
}

fn has_file_with_extension(dir: &Path, extension: &str) -> bool {
    let entries = dir.read_dir().into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.path().extension().is_some_and(|found| found == extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        dir
    }

    fn script(root: &Path, entry: &str) -> Project {
        let bundle = root.join("dist/bundle.js");
        Project::Script { root: root.canonicalize().unwrap(), entry: entry.into(), bundle }
    }

    #[test]
    fn projects_are_recognised() {
        let rust = folder(&["Cargo.toml", "src/lib.rs"]);
        assert_eq!(Project::find(rust.path()).unwrap(), Project::Rust(rust.path().into()));
        let typescript = folder(&["package.json", "src/index.ts", "src/index.js"]);
        assert_eq!(Project::find(typescript.path()).unwrap(), script(typescript.path(), "src/index.ts"));
        let bare = folder(&["src/index.js"]);
        assert_eq!(Project::find(bare.path()).unwrap(), script(bare.path(), "src/index.js"));
        let inside =
            folder(&["package.json", "src/app.tsx", "spacetimedb/package.json", "spacetimedb/src/index.ts"]);
        let module = inside.path().join("spacetimedb");
        assert_eq!(Project::find(inside.path()).unwrap(), script(&module, "src/index.ts"));
        let rust_inside = folder(&["package.json", "spacetimedb/Cargo.toml"]);
        assert_eq!(
            Project::find(rust_inside.path()).unwrap(),
            Project::Rust(rust_inside.path().join("spacetimedb"))
        );
    }

    #[test]
    fn files_belong_to_the_project_around_them() {
        let project = folder(&["package.json", "modules/chat.ts", "notes.txt"]);
        let file = project.path().join("modules/chat.ts");
        let found = Project::find(&file).unwrap();
        let Project::Script { root, entry, bundle } = found else { panic!("{found:?}") };
        assert_eq!(root, project.path().canonicalize().unwrap());
        assert_eq!(entry, Path::new("modules/chat.ts"));
        assert_eq!(bundle, project.path().join("modules/chat.bundle.js"));
        let error = Project::find(&project.path().join("notes.txt")).unwrap_err();
        assert!(error.chain().any(|cause| cause.to_string().contains("notes.txt is neither")), "{error:#}");
    }

    #[test]
    fn what_cannot_be_built_is_said() {
        let error = |files: &[&str]| format!("{:#}", Project::find(folder(files).path()).unwrap_err());
        assert!(error(&["StdbModule.csproj"]).contains("C#"));
        assert!(error(&["CMakeLists.txt"]).contains("C++"));
        assert!(error(&["package.json"]).contains("src/index.ts"));
        assert!(error(&["readme.txt"]).contains("Cargo.toml"));
        assert!(format!("{:#}", Project::find(Path::new("/nowhere")).unwrap_err()).contains("/nowhere"));
    }
}
