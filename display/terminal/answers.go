package terminal

// answers reads what comes from a terminal: keys, and answers to what it was asked (ECMA-48, 5.4). Other sequences, such as of arrow keys
// and of a mouse, are skipped. Nothing is kept but numbers of a bounded size, whatever comes.
type answers struct {
	state      int
	prefix     byte // of a control sequence, such as '?'; 0 if there is none
	parameters [maxParameters]int
	count      int  // of parameters, of which the last is being read
	unknown    bool // the sequence has something that no answer has
}

// What is being read.
const (
	readingKeys    = iota
	readingEscape  // ESC was read
	readingControl // ESC [ was read
	readingString  // ESC P and the like, to its end
	readingEnd     // ESC was read in a string
)

const (
	maxParameters = 32   // Primary Device Attributes of today's terminals have some 10
	maxParameter  = 9999 // of a terminal's answers; a larger one is as good as none
	escape        = 0x1b
	interrupt     = 0x03 // Ctrl-C
)

// answer is what a terminal said.
type answer struct {
	kind          answerKind
	key           byte // of a keyPressed
	sixel         bool // of attributes
	width, height int  // of a cellSize, in pixels
}

type answerKind int

const (
	nothing    answerKind = iota
	keyPressed            // a key of a letter, or Ctrl-C
	attributes            // Primary Device Attributes: CSI ? 62 ; 4 c. 4 among them says that it takes sixels
	cellSize              // the size of a character: CSI 6 ; height ; width t
	caughtUp              // it has come as far as the question: CSI 0 n
)

// next takes a byte, and returns what it completes.
func (a *answers) next(b byte) answer {
	switch a.state {
	case readingKeys:
		if b == escape {
			a.state = readingEscape
			return answer{}
		}
		return answer{kind: keyPressed, key: b}
	case readingEscape:
		switch b {
		case '[':
			*a = answers{state: readingControl, count: 1}
		case 'P', ']', '_', '^', 'X':
			a.state = readingString
		case escape:
		default: // a key with Alt, or of a function key
			a.state = readingKeys
		}
	case readingString:
		if b == escape {
			a.state = readingEnd
		}
	case readingEnd:
		a.state = readingString
		if b == '\\' {
			a.state = readingKeys
		}
	case readingControl:
		return a.control(b)
	}
	return answer{}
}

// control takes a byte of a control sequence.
func (a *answers) control(b byte) answer {
	switch {
	case b >= '0' && b <= '9':
		p := &a.parameters[a.count-1]
		if *p = *p*10 + int(b-'0'); *p > maxParameter {
			*p, a.unknown = 0, true
		}
	case b == ';':
		if a.count == maxParameters {
			a.unknown = true
		} else {
			a.count++
		}
	case b >= '<' && b <= '?' && a.count == 1 && a.parameters[0] == 0 && a.prefix == 0:
		a.prefix = b
	case b >= 0x40 && b <= 0x7e:
		a.state = readingKeys
		return a.complete(b)
	case b == escape: // it was cut short
		a.state = readingEscape
	case b >= 0x20 && b < 0x40:
		a.unknown = true
	default: // a control character does not belong here
		a.state = readingKeys
	}
	return answer{}
}

// complete returns what a control sequence says.
func (a *answers) complete(final byte) answer {
	p := a.parameters[:a.count]
	switch {
	case a.unknown:
	case final == 'c' && a.prefix == '?':
		const takesSixels = 4
		said := answer{kind: attributes}
		for _, attribute := range p[1:] { // the first is what it is compatible with
			said.sixel = said.sixel || attribute == takesSixels
		}
		return said
	case final == 't' && a.prefix == 0 && len(p) == 3 && p[0] == 6 && usableCell(p[2], p[1]):
		return answer{kind: cellSize, width: p[2], height: p[1]}
	case final == 'n' && a.prefix == 0 && len(p) == 1 && p[0] == 0:
		return answer{kind: caughtUp}
	}
	return answer{}
}

// usableCell tells whether a character can have that size, in pixels.
func usableCell(width, height int) bool {
	const least, most = 2, 200
	return width >= least && width <= most && height >= least && height <= most
}
