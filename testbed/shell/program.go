package shell

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
)

// simpleWord is a first word of a command that is the name or path of a program, not something for the shell.
var simpleWord = regexp.MustCompile(`^[A-Za-z0-9_./+-]+$`)

// MissingProgram returns an error if a command for the shell (sh -c) begins with a program that is not there, and nil if there is one or only
// the shell can know. It looks at the command's first word alone.
func MissingProgram(command string) error {
	words := strings.Fields(command)
	if len(words) == 0 || !simpleWord.MatchString(words[0]) {
		return nil
	}
	if exec.Command("sh", "-c", `command -v "$1"`, "sh", words[0]).Run() != nil {
		return fmt.Errorf("there is no program %q in $PATH: install it, or write its path", words[0])
	}
	return nil
}
