// How does a Go program start a command in new namespaces? With os.StartProcess and syscall.SysProcAttr.
//
//	go OPTIONS PROGRAM ARGUMENT...    options as floor/job.c has them; those that Go cannot have are refused
//
// For each line that it reads it starts the program once, waits for it, and says how many nanoseconds that took.
//
// Go has no step that mounts /proc or brings lo up, so its jobs leave both out. Mounts it makes private only where the
// mount namespace is unshared by the child rather than cloned, which costs the same. It closes no descriptors in the
// child, as it opens none without O_CLOEXEC.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

var kinds = map[string]uintptr{
	"uts":  syscall.CLONE_NEWUTS,
	"ipc":  syscall.CLONE_NEWIPC,
	"pid":  syscall.CLONE_NEWPID,
	"net":  syscall.CLONE_NEWNET,
	"user": syscall.CLONE_NEWUSER,
}

func fail(words ...any) {
	fmt.Fprintln(os.Stderr, append([]any{"go:"}, words...)...)
	os.Exit(1)
}

func attributes(options string) *syscall.SysProcAttr {
	result := &syscall.SysProcAttr{}
	for _, option := range strings.Split(options, ",") {
		kind, known := kinds[option]
		switch {
		case known:
			result.Cloneflags |= kind
		case option == "mnt":
			result.Unshareflags |= syscall.CLONE_NEWNS
		case option != "loopback_down":
			fail("no option", option)
		}
	}
	if result.Cloneflags&syscall.CLONE_NEWUSER != 0 {
		result.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		result.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return result
}

func start(argv []string, attributes *os.ProcAttr) {
	process, err := os.StartProcess(argv[0], argv, attributes)
	if err != nil {
		fail(err)
	}
	state, err := process.Wait()
	if err != nil || !state.Success() {
		fail(argv[0], state, err)
	}
}

func main() {
	if len(os.Args) < 3 {
		fail("usage: go OPTIONS PROGRAM ARGUMENT...")
	}
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		fail(err)
	}
	how := &os.ProcAttr{
		Env:   os.Environ(),
		Files: []*os.File{null, null, os.Stderr},
		Sys:   attributes(os.Args[1]),
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		began := time.Now()
		start(os.Args[2:], how)
		fmt.Println(time.Since(began).Nanoseconds())
	}
}
