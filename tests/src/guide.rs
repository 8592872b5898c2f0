//! The commands of a Markdown file, as a reader would type them.

/// The command lines of all `sh` and `console` blocks, in order.
///
/// Comments and prompts (`$ `) are left out, and lines that end in a backslash are joined with the
/// next. In a `console` block only lines with a prompt are commands.
#[must_use]
pub fn commands(markdown: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut block = Block::Text;
    let mut unfinished = String::new();
    for line in markdown.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            block = block.after_fence(language.trim());
            continue;
        }
        let line = line.trim();
        let command = match block {
            Block::Shell => line.strip_prefix("$ ").unwrap_or(line),
            Block::Console if !unfinished.is_empty() => line,
            Block::Console => line.strip_prefix("$ ").unwrap_or_default(),
            Block::Text | Block::Other => continue,
        };
        if command.is_empty() || command.starts_with('#') {
            continue;
        }
        if let Some(beginning) = command.strip_suffix('\\') {
            unfinished.push_str(beginning);
        } else {
            commands.push(std::mem::take(&mut unfinished) + command);
        }
    }
    commands
}

/// Where a line is.
#[derive(Clone, Copy)]
enum Block {
    Text,
    Shell,
    Console,
    Other,
}

impl Block {
    fn after_fence(self, language: &str) -> Self {
        match (self, language) {
            (Self::Text, "sh") => Self::Shell,
            (Self::Text, "console") => Self::Console,
            (Self::Text, _) => Self::Other,
            _ => Self::Text,
        }
    }
}

/// A command line in its parts: `NAME=value …`, and the rest as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parts<'c> {
    /// The variables that are set for the command.
    pub variables: Vec<(&'c str, &'c str)>,
    /// The command itself.
    pub command: &'c str,
}

/// Splits the variables off. Values with blanks are not understood.
#[must_use]
pub fn parts(line: &str) -> Parts<'_> {
    let mut variables = Vec::new();
    let mut command = line.trim();
    while let Some((word, rest)) = command.split_once(' ')
        && let Some((name, value)) = word.split_once('=')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit())
    {
        variables.push((name, value));
        command = rest.trim_start();
    }
    Parts { variables, command }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_reader_would_type() {
        let markdown = "\
text\n```sh\n# a comment\ncargo run\n$ curl -s \\\n  http://x\n\n```\nmore `sh` text\n\
```toml\na = 1\n```\n```console\n$ ls\nCargo.toml\n```\n```text\nnot this\n```\n";
        assert_eq!(commands(markdown), ["cargo run", "curl -s http://x", "ls"]);
    }

    #[test]
    fn splits_variables_from_the_command() {
        let Parts { variables, command } = parts("A_1=x B=http://y curl -H 'a=b' z");
        assert_eq!(variables, [("A_1", "x"), ("B", "http://y")]);
        assert_eq!(command, "curl -H 'a=b' z");
        assert_eq!(parts("curl a=b").command, "curl a=b");
    }
}
