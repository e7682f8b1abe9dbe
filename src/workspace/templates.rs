//! Reading templates/.

use std::path::{Path, PathBuf};

use super::Workspace;
use crate::diagnostic::Diagnostics;
use crate::render::Templates;

/// Folders within folders, at most.
const DEPTH: usize = 4;

impl Workspace {
    /// templates/issue.mjml and templates/issue.txt, or the built-in ones where they are absent, and whatever else
    /// of these kinds stands in templates/ for them to include.
    ///
    /// # Errors
    /// A file that cannot be read; all that can be seen to be wrong with them without an issue.
    pub fn templates(&self) -> Result<Templates, Diagnostics> {
        let folder = Path::new("templates");
        let (mjml, text) = (folder.join("issue.mjml"), folder.join("issue.txt"));
        let mut parts = Vec::new();
        self.collect(folder, DEPTH, &mut parts);
        parts.retain(|part| *part != mjml && *part != text);
        let parts = parts.iter().map(|part| self.required(part)).collect::<Result<Vec<_>, _>>()?;
        Templates::parse(self.read(&mjml)?, self.read(&text)?, &parts)
    }

    fn collect(&self, folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
        for name in self.names_in(folder) {
            let path = folder.join(&name);
            let is_template =
                path.extension().is_some_and(|extension| extension == "mjml" || extension == "txt");
            if is_template {
                found.push(path);
            } else if depth > 0 && !name.starts_with('.') && self.root.join(&path).is_dir() {
                self.collect(&path, depth - 1, found);
            }
        }
    }
}
