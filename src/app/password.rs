//! A relay's password, fetched from where newsletter.toml says that it is kept.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::SecretString;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::time::{sleep, timeout};

use super::caller::Caller;
use super::{Later, Wrong};
use crate::config::PasswordSource;

/// No password is longer, in octets.
const LONGEST: u64 = 64 * 1024;
/// How often a command that has printed everything is asked whether it has ended.
const LOOK: Duration = Duration::from_millis(5);

/// How long a command is waited for.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// Without a word.
    silent: Duration,
    /// Before it is ended.
    longest: Duration,
}

const PATIENCE: Patience = Patience { silent: Duration::from_secs(2), longest: Duration::from_mins(1) };

/// Fetches it; files and commands are those of the folder.
///
/// # Errors
/// [`Wrong`], naming the setting; [`Later`] where a command does not end, or is not waited for any more.
pub(super) async fn fetch(
    source: &PasswordSource,
    root: &Path,
    caller: &Caller,
) -> anyhow::Result<SecretString> {
    fetch_within(source, root, caller, PATIENCE).await.map_err(|error| {
        let said = format!("the relay's password cannot be had: {error:#}; nothing was sent");
        if error.is::<Later>() { Later(said).into() } else { Wrong(said).into() }
    })
}

async fn fetch_within(
    source: &PasswordSource,
    root: &Path,
    caller: &Caller,
    patience: Patience,
) -> anyhow::Result<SecretString> {
    let (key, text) = match source {
        PasswordSource::File(file) => ("password_file", in_file(&root.join(file))?),
        PasswordSource::Env(name) => {
            let remedy = || format!("`password_env` names {name}: set that variable to the password");
            ("password_env", std::env::var(name).with_context(remedy)?)
        }
        PasswordSource::Command(command) => {
            ("password_command", Running::start(command, root)?.password(caller, patience).await?)
        }
    };
    // Some editors begin a file with a mark.
    match text.trim_start_matches('\u{feff}').lines().next() {
        Some(password) if !password.is_empty() => Ok(password.to_owned().into()),
        Some(_) | None => bail!("what `{key}` leads to is empty; the password belongs on the first line"),
    }
}

fn in_file(path: &Path) -> anyhow::Result<String> {
    let path_shown = path.display();
    fs::read_to_string(path).with_context(|| {
        format!("`password_file` names {path_shown}: write the password there, readable by you alone")
    })
}

/// A command of the shell, with whatever it starts in a process group of its own, which ends with this.
struct Running {
    /// `None` once it has ended.
    child: Option<Child>,
    printed: Option<OwnedFd>,
}

impl Running {
    /// What the command says on stderr reaches the operator. It has nobody to ask: its stdin is empty.
    fn start(command: &str, root: &Path) -> io::Result<Self> {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(command).current_dir(root).process_group(0);
        let mut child = shell.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let printed = child.stdout.take().map(OwnedFd::from);
        Ok(Self { child: Some(child), printed })
    }

    async fn password(mut self, caller: &Caller, patience: Patience) -> anyhow::Result<String> {
        tokio::select! {
            printed = self.wait(caller, patience) => printed,
            () = caller.stopped(patience.silent) => {
                Err(Later("stopped while `password_command` was waited for".to_owned()).into())
            }
        }
    }

    async fn wait(&mut self, caller: &Caller, patience: Patience) -> anyhow::Result<String> {
        let Patience { silent, longest } = patience;
        let mut ended = Box::pin(self.ended());
        let ended = if let Ok(ended) = timeout(silent, &mut ended).await {
            ended
        } else {
            let seconds = longest.as_secs();
            caller.tell(&format!("waiting for `password_command`, at most {seconds} s"));
            timeout(longest.saturating_sub(silent), ended).await.map_err(|_| {
                Later(format!(
                    "`password_command` has not ended within {seconds} s, and was ended; run it by hand to see what it waits for: \
                     it has to print the password without asking anybody"
                ))
            })?
        };
        let (status, printed) = ended?;
        if !status.success() {
            bail!("`password_command` ended with {status}; run it by hand to see why");
        }
        String::from_utf8(printed).context("`password_command` must print the password, in UTF-8")
    }

    /// All that it prints, until neither it nor what it started prints any more.
    async fn ended(&mut self) -> io::Result<(ExitStatus, Vec<u8>)> {
        let mut printed = Vec::new();
        if let Some(pipe) = self.printed.take() {
            pipe::Receiver::from_owned_fd(pipe)?.take(LONGEST).read_to_end(&mut printed).await?;
        }
        while let Some(child) = &mut self.child {
            if let Some(status) = child.try_wait()? {
                self.child = None;
                return Ok((status, printed));
            }
            sleep(LOOK).await;
        }
        Err(io::ErrorKind::NotFound.into())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Until it is waited for, no other group has its number.
        let Some(mut child) = self.child.take() else { return };
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        thread::spawn(move || child.wait());
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::{Arc, Mutex};

    use secrecy::ExposeSecret;
    use tokio::sync::watch;

    use super::*;

    const AT_ONCE: Patience = Patience { silent: Duration::ZERO, longest: Duration::from_millis(300) };
    const FOR_EVER: Patience = Patience { silent: Duration::ZERO, longest: Duration::MAX };

    async fn from(
        command: &str,
        root: &Path,
        caller: &Caller,
        patience: Patience,
    ) -> anyhow::Result<SecretString> {
        fetch_within(&PasswordSource::Command(command.to_owned()), root, caller, patience).await
    }

    /// Waits until a command that hangs has begun, and answers with the processes in its group.
    async fn begun(root: &Path) -> Vec<PathBuf> {
        loop {
            let pids = fs::read_to_string(root.join("pids")).unwrap_or_default();
            if pids.ends_with("begun\n") {
                let pids = pids.split_whitespace().filter(|pid| *pid != "begun");
                return pids.map(|pid| Path::new("/proc").join(pid)).collect();
            }
            sleep(LOOK).await;
        }
    }

    async fn gone(processes: &[PathBuf]) {
        while processes.iter().any(|process| process.exists()) {
            sleep(LOOK).await;
        }
    }

    const HANGS: &str = "sleep 600 & echo $$ $! begun > pids; wait";

    #[tokio::test]
    async fn a_mark_at_the_beginning_of_a_file_is_no_part_of_the_password() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("relay"), "\u{feff}one\r\n").unwrap();
        let source = PasswordSource::File("relay".into());
        let password = fetch(&source, folder.path(), &Caller::absent()).await.unwrap();
        assert_eq!(password.expose_secret(), "one");
    }

    #[tokio::test]
    async fn the_first_line_that_a_command_prints_is_the_password() {
        let password = from("cat; echo one; echo two", Path::new("/"), &Caller::absent(), FOR_EVER).await;
        assert_eq!(password.unwrap().expose_secret(), "one");
    }

    #[tokio::test]
    async fn a_command_that_fails_or_prints_nothing_is_said_to_be_wrong() {
        for (command, why) in [("exit 3", "exit status: 3"), ("true", "is empty"), ("yes", "ended with")] {
            let error = from(command, Path::new("/"), &Caller::absent(), FOR_EVER).await.unwrap_err();
            assert!(error.to_string().contains(why) && !error.is::<Later>(), "{error:#}");
        }
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_said_to_be_waited_for_and_is_a_thing_for_later() {
        let (root, heard) = (tempfile::tempdir().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let log = Arc::clone(&heard);
        let caller = Caller::hearing(move |line| log.lock().unwrap().push(line.to_owned()));
        let error = from(&format!("exec >&-; {HANGS}"), root.path(), &caller, AT_ONCE).await.unwrap_err();
        assert!(error.is::<Later>() && error.to_string().contains("`password_command` has not ended"));
        assert_eq!(heard.lock().unwrap().len(), 1);
        let open = from(HANGS, root.path(), &caller, AT_ONCE).await.unwrap_err();
        assert!(open.is::<Later>(), "{open:#}");
    }

    #[tokio::test]
    async fn whoever_stops_waits_for_no_command_and_leaves_nothing_of_it_behind() {
        let root = tempfile::tempdir().unwrap();
        let (stop, stopped) = watch::channel(false);
        let caller = Caller::absent().stopping(stopped);
        let stopping = async {
            let processes = begun(root.path()).await;
            stop.send(true).unwrap();
            processes
        };
        let (ended, processes) = tokio::join!(from(HANGS, root.path(), &caller, FOR_EVER), stopping);
        assert!(ended.unwrap_err().is::<Later>());
        assert_eq!(processes.len(), 2);
        gone(&processes).await;
    }
}
