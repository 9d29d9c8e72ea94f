//! Finds the fenced `sh` blocks of a Markdown text.

/// One block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// The word behind `sh`; empty if there is none.
    pub(super) who: String,
    /// What stands between the fences.
    pub(super) script: String,
    /// Line of the opening fence, from 1.
    pub(super) line: usize,
}

/// All blocks that open with `` ```sh ``, in order.
pub(super) fn sh(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    let mut in_other = false;
    for (text, line) in markdown.lines().zip(1..) {
        match (&mut open, text.strip_prefix("```")) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.script.push_str(text);
                block.script.push('\n');
            }
            (None, Some(_)) if in_other => in_other = false,
            (None, Some(info)) => match words(info) {
                Some(who) => {
                    open = Some(Block {
                        who,
                        script: String::new(),
                        line,
                    })
                }
                None => in_other = true,
            },
            (None, None) => {}
        }
    }
    blocks
}

/// What follows `sh`; none if the fence opens another language.
fn words(info: &str) -> Option<String> {
    let mut words = info.split_whitespace();
    (words.next()? == "sh").then(|| words.next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sh_blocks_are_found_with_their_line() {
        let text = "x\n```sh first\na\nb\n```\n```text\n```\n```sh\nc\n```\n";
        let block = |who: &str, script: &str, line| Block {
            who: who.to_owned(),
            script: script.to_owned(),
            line,
        };
        assert_eq!(sh(text), [block("first", "a\nb\n", 2), block("", "c\n", 8)]);
    }
}
