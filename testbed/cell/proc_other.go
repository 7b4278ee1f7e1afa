//go:build !linux

package cell

import (
	"errors"

	"salsify/testbed/result"
)

func describe(*result.Machine) {}

func readUsage() (usage, error) {
	return usage{}, errors.New("only Linux tells what each program uses")
}
