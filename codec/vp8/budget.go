package vp8

import "fmt"

// fit encodes with the finest quantizer whose frame is no larger than budget bytes.
func (e *encoder) fit(budget int) ([]byte, error) {
	return nil, fmt.Errorf("%w: stub", ErrBudget)
}
