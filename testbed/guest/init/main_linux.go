// Init is the first program of a guest of package guest.
package main

import "salsify/testbed/guest"

func main() { guest.Init() }
