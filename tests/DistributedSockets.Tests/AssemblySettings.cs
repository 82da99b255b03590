// Many tests wait for timeouts that are real, so more of them run at once than there are processors.
[assembly: Xunit.v3.Parallelization(MaxThreads = 6)]
