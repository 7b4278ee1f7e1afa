package manual

import (
	"fmt"
	"strings"
)

// bash writes completions for bash. A path such as /trace/crop stands for the verb that was typed so far.
func bash(c Command) string {
	b, name := &strings.Builder{}, function(c)
	fmt.Fprintf(b, `# bash completion of %s, made by "%[1]s --manual bash"
%s() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path= i
    [[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD-2]}
    [[ $cur == = ]] && cur=
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$path/${COMP_WORDS[i]}" in
`, c.Name, name)
	var values, words strings.Builder
	c.walk(func(path []string, v Command) {
		at, h := "", read(v.Help)
		if len(path) > 0 {
			at = "/" + strings.Join(path, "/")
			fmt.Fprintf(b, "            %s) path+=/${COMP_WORDS[i]} ;;\n", at)
		}
		var flags []string
		for _, f := range v.list(at == "") {
			flags = append(flags, "--"+f.long)
			pattern := at + ":--" + f.long
			if f.short != "" {
				flags = append(flags, "-"+f.short)
				pattern += "|" + at + ":-" + f.short
			}
			switch {
			case f.value == "":
			case f.file() || f.value == "SOURCE":
				fmt.Fprintf(&values, "        %s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", pattern)
			default:
				fmt.Fprintf(&values, "        %s) return ;;\n", pattern)
			}
		}
		offered := strings.Join(v.words(), " ")
		if h.takesSource() {
			offered = strings.Join(h.sourceWords(), " ")
			if h.device() {
				offered += " $(compgen -G '/dev/video*')"
			}
		}
		files := `COMPREPLY+=($(compgen -f -- "$cur"))`
		switch {
		case len(v.Verbs) > 0 && v.Flags == nil:
			files = ":"
		case h.takesSource():
			files = `COMPREPLY+=($(compgen -f -X '!*.y4m' -- "$cur") $(compgen -d -- "$cur"))`
		}
		fmt.Fprintf(&words, "        %q)\n            if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W %q -- \"$cur\"))\n"+
			"            else COMPREPLY=($(compgen -W \"%s\" -- \"$cur\")); %s; fi ;;\n", at, strings.Join(flags, " "), offered, files)
	})
	fmt.Fprintf(b, "            *) ;;\n        esac\n    done\n    case \"$path:$prev\" in\n%s        *) ;;\n    esac\n    case \"$path\" in\n%s"+
		"        *) ;;\n    esac\n}\ncomplete -o filenames -F %s %s\n", &values, &words, name, c.Name)
	return b.String()
}

// zsh writes completions for zsh, which go into a folder of $fpath.
func zsh(c Command) string {
	b := &strings.Builder{}
	fmt.Fprintf(b, "#compdef %s\n# made by \"%[1]s --manual zsh\"\nlocal at= i depth=0\nfor ((i = 2; i < CURRENT; i++)); do\n    case \"$at/${words[i]}\" in\n", c.Name)
	var calls strings.Builder
	c.walk(func(path []string, v Command) {
		at, h := "", read(v.Help)
		if len(path) > 0 {
			at = "/" + strings.Join(path, "/")
			fmt.Fprintf(b, "        %s) at+=/${words[i]}; depth=$((i - 1)) ;;\n", at)
		}
		fmt.Fprintf(&calls, "    %q)\n        _arguments", at)
		for _, f := range v.list(at == "") {
			action := ""
			switch {
			case f.value == "":
			case f.file() || f.value == "SOURCE":
				action = ":" + f.value + ":_files"
			default:
				action = ":" + f.value + ": "
			}
			text := strings.NewReplacer("[", `\[`, "]", `\]`, ":", `\:`).Replace(f.first())
			fmt.Fprintf(&calls, " \\\n            %s", quote("--"+f.long+"["+text+"]"+action))
			if f.short != "" {
				fmt.Fprintf(&calls, " \\\n            %s", quote("-"+f.short+"["+text+"]"+action))
			}
		}
		switch {
		case len(v.Verbs) > 0:
			fmt.Fprintf(&calls, " \\\n            %s", quote("1:verb:("+strings.Join(v.words(), " ")+")"))
			calls.WriteString(" \\\n            '*:file:_files'")
		case h.takesSource():
			glob := ""
			if h.device() {
				glob = " /dev/video*(N)"
			}
			fmt.Fprintf(&calls, " \\\n            %s", quote("1:SOURCE:{ compadd -- "+strings.Join(h.sourceWords(), " ")+glob+`; _files -g "*.y4m" }`))
		default:
			calls.WriteString(" \\\n            '*:file:_files'")
		}
		calls.WriteString("\n        ;;\n")
	})
	fmt.Fprintf(b, "    esac\ndone\nwords=(\"${(@)words[depth+1,-1]}\")\n((CURRENT -= depth))\ncase \"$at\" in\n%sesac\n", &calls)
	return b.String()
}

// fish writes completions for fish.
func fish(c Command) string {
	b := &strings.Builder{}
	fmt.Fprintf(b, "# fish completion of %s, made by \"%[1]s --manual fish\"\n", c.Name)
	c.walk(func(path []string, v Command) {
		var conditions []string
		for _, verb := range path {
			conditions = append(conditions, "__fish_seen_subcommand_from "+verb)
		}
		if len(v.Verbs) > 0 {
			conditions = append(conditions, "not __fish_seen_subcommand_from "+strings.Join(v.words(), " "))
		}
		line := "complete -c " + c.Name
		if len(conditions) > 0 {
			line += " -n " + quote(strings.Join(conditions, "; and "))
		}
		for _, f := range v.list(len(path) == 0) {
			fmt.Fprintf(b, "%s -l %s", line, f.long)
			if f.short != "" {
				fmt.Fprintf(b, " -s %s", f.short)
			}
			switch {
			case f.value == "":
			case f.file() || f.value == "SOURCE":
				b.WriteString(" -r -F")
			default:
				b.WriteString(" -x")
			}
			fmt.Fprintf(b, " -d %s\n", fishQuote(f.first()))
		}
		for _, verb := range v.Verbs {
			fmt.Fprintf(b, "%s -a %s -d %s\n", line, verb.Name, fishQuote(verb.summary()))
		}
		if h := read(v.Help); h.takesSource() {
			words := strings.Join(h.sourceWords(), " ")
			if h.device() {
				words += " (for f in /dev/video*; echo $f; end)"
			}
			fmt.Fprintf(b, "%s -a %s\n", line, quote(words))
		}
	})
	return b.String()
}

func function(c Command) string { return "_" + strings.ReplaceAll(c.Name, "-", "_") }

// quote makes one word of a text, for bash and zsh.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func fishQuote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}
