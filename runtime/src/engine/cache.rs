//! Compiled code on disk, so that a restart compiles nothing.
//!
//! Loading compiled code means running it: a file that was damaged or written by somebody else could do anything in
//! this process. So the directory belongs to us alone (mode 0700), each file says in its first bytes
//! what it is, and a checksum over program, compiler settings and contents must agree before the contents are used.
//! A file that fails any check is as good as absent and is written anew.
//!
//! A file is named by the hash of its program and the hash of everything about the compiler that matters to its
//! output (version, settings, processor), so programs, releases and engines never get in each other's way.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use orrery_host_abi::Hash;

/// The first bytes of a file; the last one is the version of the format.
const MAGIC: [u8; 16] = *b"orrery-compiled\x01";

/// Keeps our checksums apart from any other use of the hash function.
const CHECKSUM_CONTEXT: &str = "orrery 2025 compiled program";

const HEADER: usize = MAGIC.len() + blake3::OUT_LEN;

const EXTENSION: &str = "code";

/// Files of all programs together, in bytes. A compiled program takes a few megabytes, so this holds more programs
/// than one machine is likely to run; beyond it the oldest are dropped, which costs a compilation later.
const TOTAL_BYTES_MAX: u64 = 2 << 30;

/// A file that is still being written after this time never will be complete.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Group and others.
const FOREIGN_WRITE: u32 = 0o022;

/// The directory, and what this process compiles for.
#[derive(Debug, Clone)]
pub(super) struct CodeCache {
    dir: PathBuf,
    compiler: blake3::Hash,
}

impl CodeCache {
    /// Takes the directory into use; makes it if it does not exist. `compiler` is the hash of all that matters to the
    /// compiler's output.
    pub(super) fn open(dir: &Path, compiler: blake3::Hash) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        // Only the owner may do this, so it also finds out whether the directory is ours.
        fs::set_permissions(dir, Permissions::from_mode(0o700))?;
        let cache = Self { dir: dir.to_owned(), compiler };
        cache.drop_abandoned()?;
        Ok(cache)
    }

    /// The code of a program as it was given to [`Self::store`]; none if it is not there or not to be trusted.
    pub(super) fn load(&self, program: Hash) -> Option<Vec<u8>> {
        let path = self.path(program);
        let mut contents = match self.read(&path) {
            Ok(contents) => contents,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return None,
            Err(e) => {
                tracing::warn!(path = %path.display(), "a compiled program cannot be read: {e}");
                return None;
            }
        };
        if self.check(program, &contents).is_none() {
            tracing::warn!(path = %path.display(), "a compiled program is damaged and will be compiled again");
            return None;
        }
        contents.drain(..HEADER);
        Some(contents)
    }

    /// Keeps the code of a program. What goes wrong is only logged: it costs a compilation at the next start.
    pub(super) fn store(&self, program: Hash, code: &[u8]) {
        if let Err(e) = self.write(program, code) {
            tracing::warn!(dir = %self.dir.display(), "a compiled program cannot be kept: {e}");
        }
        if let Err(e) = self.drop_oldest(TOTAL_BYTES_MAX) {
            tracing::warn!(dir = %self.dir.display(), "old compiled programs cannot be dropped: {e}");
        }
    }

    fn path(&self, program: Hash) -> PathBuf {
        let program = blake3::Hash::from_bytes(program.0).to_hex();
        let compiler = self.compiler.to_hex();
        self.dir.join(format!("{program}-{}.{EXTENSION}", &compiler[..16]))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let meta = file.metadata()?;
        if !meta.is_file() || meta.mode() & FOREIGN_WRITE != 0 || meta.uid() != fs::metadata(&self.dir)?.uid()
        {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "others may have written to it"));
        }
        let mut contents = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0));
        file.read_to_end(&mut contents)?;
        Ok(contents)
    }

    /// The code in a file, if the file is whole and is what it should be.
    fn check<'a>(&self, program: Hash, contents: &'a [u8]) -> Option<&'a [u8]> {
        let (header, code) = contents.split_at_checked(HEADER)?;
        let (magic, checksum) = header.split_at(MAGIC.len());
        let checksum = blake3::Hash::from_slice(checksum).ok()?;
        (magic == MAGIC && checksum == self.checksum(program, code)).then_some(code)
    }

    fn checksum(&self, program: Hash, code: &[u8]) -> blake3::Hash {
        blake3::Hasher::new_derive_key(CHECKSUM_CONTEXT)
            .update(&program.0)
            .update(self.compiler.as_bytes())
            .update(code)
            .finalize()
    }

    fn write(&self, program: Hash, code: &[u8]) -> io::Result<()> {
        // Several threads may compile the same program at once.
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = self.path(program);
        let temporary = path.with_extension(format!("{}-{number}.tmp", std::process::id()));
        let written = self.write_to(&temporary, program, code).and_then(|()| fs::rename(&temporary, &path));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// Not synced to disk: what a power cut damages fails its checksum.
    fn write_to(&self, path: &Path, program: Hash, code: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(&MAGIC)?;
        file.write_all(self.checksum(program, code).as_bytes())?;
        file.write_all(code)
    }

    /// Removes what a killed process left half written.
    fn drop_abandoned(&self) -> io::Result<()> {
        for (path, meta) in self.files("tmp")? {
            let age = meta.modified().ok().and_then(|time| SystemTime::now().duration_since(time).ok());
            if age.is_some_and(|age| age > ABANDONED) {
                remove(&path)?;
            }
        }
        Ok(())
    }

    /// Removes the oldest files until the rest take no more than `total_max` bytes.
    fn drop_oldest(&self, total_max: u64) -> io::Result<()> {
        let mut files = self.files(EXTENSION)?;
        let mut total: u64 = files.iter().map(|(_, meta)| meta.len()).sum();
        if total <= total_max {
            return Ok(());
        }
        files.sort_by_key(|(_, meta)| meta.modified().ok());
        for (path, meta) in files {
            if total <= total_max {
                break;
            }
            remove(&path)?;
            total -= meta.len();
        }
        Ok(())
    }

    fn files(&self, extension: &str) -> io::Result<Vec<(PathBuf, fs::Metadata)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|found| found == extension) {
                // Another process may have removed it in the meantime.
                match fs::symlink_metadata(&path) {
                    Ok(meta) => files.push((path, meta)),
                    Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                    Err(e) => return Err(e),
                }
            }
        }
        Ok(files)
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_files_go_first() {
        let dir = tempfile::tempdir().unwrap();
        let cache = CodeCache::open(dir.path(), blake3::hash(b"compiler")).unwrap();
        let now = SystemTime::now();
        for n in 0..4u8 {
            cache.write(Hash([n; 32]), &[n; 1000]).unwrap();
            let file = File::options().write(true).open(cache.path(Hash([n; 32]))).unwrap();
            file.set_modified(now - Duration::from_secs(100 - u64::from(n))).unwrap();
        }
        cache.drop_oldest(2 * (1000 + HEADER as u64)).unwrap();
        let left: Vec<bool> = (0..4u8).map(|n| cache.path(Hash([n; 32])).exists()).collect();
        assert_eq!(left, [false, false, true, true]);
    }

    #[test]
    fn only_abandoned_files_are_cleaned_up() {
        let dir = tempfile::tempdir().unwrap();
        let (old, young) = (dir.path().join("a.1-0.tmp"), dir.path().join("b.1-1.tmp"));
        let file = File::create(&old).unwrap();
        file.set_modified(SystemTime::now() - 2 * ABANDONED).unwrap();
        File::create(&young).unwrap();
        CodeCache::open(dir.path(), blake3::hash(b"compiler")).unwrap();
        assert!(!old.exists() && young.exists());
    }

    #[test]
    fn a_checksum_holds_for_one_program_and_one_compiler() {
        let dir = tempfile::tempdir().unwrap();
        let cache = CodeCache::open(dir.path(), blake3::hash(b"compiler")).unwrap();
        let program = Hash([7; 32]);
        cache.write(program, b"code").unwrap();
        let contents = cache.read(&cache.path(program)).unwrap();
        assert_eq!(cache.check(program, &contents), Some(&b"code"[..]));
        assert_eq!(cache.check(Hash([8; 32]), &contents), None);
        let other = CodeCache { compiler: blake3::hash(b"other"), ..cache.clone() };
        assert_eq!(other.check(program, &contents), None);
        for n in 0..contents.len() {
            let mut damaged = contents.clone();
            damaged[n] ^= 1;
            assert_eq!(cache.check(program, &damaged), None, "byte {n}");
            assert_eq!(cache.check(program, &contents[..n]), None, "cut at {n}");
        }
    }

    #[test]
    fn files_that_others_may_write_to_are_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let cache = CodeCache::open(dir.path(), blake3::hash(b"compiler")).unwrap();
        let program = Hash([7; 32]);
        cache.write(program, b"code").unwrap();
        let path = cache.path(program);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        assert_eq!(cache.read(&path).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}
