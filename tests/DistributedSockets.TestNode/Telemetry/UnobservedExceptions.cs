namespace DistributedSockets.TestNode;

/// <summary>Tells whoever started the process of tasks that failed without anybody looking at their exceptions.</summary>
internal static class UnobservedExceptions
{
    /// <summary>How the line begins, of which there is one for each.</summary>
    private const string Prefix = "Unobserved exception: ";

    /// <summary>Prints each from now on, when the garbage collector finds it.</summary>
    public static void Print() => TaskScheduler.UnobservedTaskException += static (_, unobserved) =>
        Console.WriteLine(Prefix + unobserved.Exception.ToString().ReplaceLineEndings(" "));

    /// <summary>Has those found that the process still holds.</summary>
    public static void Collect() => GC.GetTotalMemory(forceFullCollection: true); // runs finalizers too
}
