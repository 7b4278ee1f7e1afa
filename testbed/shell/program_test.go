package shell_test

import (
	"strings"
	"testing"

	"salsify/testbed/shell"
)

func TestMissingProgram(t *testing.T) {
	for command, missing := range map[string]bool{
		"no-such-program-9 -x": true, "/no/such/program": true,
		"sh -c x": false, "cd / && ls": false, "exec no-such-program-9": false, "A=1 no-such-program-9": false, "(no-such-program-9)": false, " ": false,
	} {
		err := shell.MissingProgram(command)
		if (err != nil) != missing || missing && !strings.Contains(err.Error(), "install it") {
			t.Errorf("%q: %v", command, err)
		}
	}
}
