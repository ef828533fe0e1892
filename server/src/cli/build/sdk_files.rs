//! The SDK's files in a project, for editors and type checkers: they know nothing of the SDK in this program.
//!
//! `orrery init` puts them into `.orrery/sdk`, which is where the project's tsconfig.json says that `orrery` is. They
//! are not for version control: whoever builds such a project gets them anew, of the version that builds it. The
//! bundler does not look at them.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use super::{bundle::sdk, project::own_folder};

/// Where they are, from the project's folder.
const FOLDER: &str = ".orrery/sdk";

/// What is imported, and the file that it is, from the project's folder.
pub(in crate::cli) fn sources() -> impl Iterator<Item = (String, String)> {
    sdk::sources().map(|(specifier, file)| (specifier, format!("{FOLDER}/{file}")))
}

/// Puts them where the project expects them, if it does.
pub(super) fn refresh(root: &Path) -> Result<()> {
    let tsconfig = fs::read_to_string(root.join("tsconfig.json")).unwrap_or_default();
    if tsconfig.contains(FOLDER) { write(root) } else { Ok(()) }
}

/// Makes the folder what it should be. Files that are right already are not touched.
pub(in crate::cli) fn write(root: &Path) -> Result<()> {
    let folder = root.join(FOLDER);
    let up_to_date = |(name, text): &(&str, &str)| {
        fs::read(folder.join(name)).is_ok_and(|present| present == text.as_bytes())
    };
    if sdk::FILES.iter().all(up_to_date) {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be replaced", folder.display()))?;
    }
    own_folder(root)?;
    for (name, text) in sdk::FILES {
        let path = folder.join(name);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
        written.with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}
