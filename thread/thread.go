// Package thread is what a thread asks of the operating system, where Go's scheduler and timers are not precise enough: to sleep for
// just so long, and to be run in time. The senders of packets and of pictures need it.
package thread
