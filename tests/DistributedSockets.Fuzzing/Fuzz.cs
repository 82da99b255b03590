using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using FsCheck;
using FsCheck.Fluent;

namespace DistributedSockets.Fuzzing;

/// <summary>Runs many cases, in a bounded time, and says how to run a failed one again.</summary>
public static class Fuzz
{
    private const int ShownBytes = 4_096;
    private const int LeastCases = 500; // a busy machine may have no time for more, and fewer say little

    /// <summary>Runs every input of a corpus as it is, and then what chance makes of them.</summary>
    /// <param name="corpus">The inputs.</param>
    /// <param name="cases">How many to make, if the time suffices.</param>
    /// <param name="milliseconds">The time; some hundreds of cases are run in any case.</param>
    /// <param name="test">Throws if an input is treated badly.</param>
    /// <param name="name">The test, for the message.</param>
    public static void Bytes(byte[][] corpus, int cases, int milliseconds, Action<byte[]> test, [CallerMemberName] string name = "")
    {
        var mutator = new Mutator(corpus);
        var started = Stopwatch.GetTimestamp();
        var (count, time) = ((long)cases * FuzzSettings.Factor, TimeSpan.FromMilliseconds((long)milliseconds * FuzzSettings.Factor));
        for (var number = FuzzSettings.OnlyCase ?? 0; number < corpus.Length + count; number++)
        {
            var input = number < corpus.Length ? corpus[number] : mutator.Next(new(unchecked((FuzzSettings.Seed * 1_000_003) + number)));
            try
            {
                test(input);
            }
            catch (Exception exception)
            {
                throw new InvalidOperationException(Describe(name, number, input), exception);
            }

            if (FuzzSettings.OnlyCase is not null || (number >= corpus.Length + LeastCases && Stopwatch.GetElapsedTime(started) > time))
            {
                return;
            }
        }
    }

    /// <summary>Checks that something holds for values that FsCheck makes, the same ones at each run.</summary>
    /// <typeparam name="T">The values.</typeparam>
    /// <param name="values">Where they come from.</param>
    /// <param name="cases">How many.</param>
    /// <param name="test">Throws if it does not hold.</param>
    /// <remarks>A failure shows the values, and is found again with the same <c>FUZZ_SEED</c> and <c>FUZZ_FACTOR</c>.</remarks>
    public static void Values<T>(Arbitrary<T> values, int cases, Action<T> test) => Prop.ForAll(values, test).Check(
        Config.QuickThrowOnFailure.WithMaxTest(cases * FuzzSettings.Factor).WithReplay((ulong)(uint)FuzzSettings.Seed, 0x9E37_79B9_7F4A_7C15UL));

    private static string Describe(string name, int number, byte[] input)
    {
        var hex = Convert.ToHexStringLower(input.AsSpan(0, Math.Min(input.Length, ShownBytes)));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{name} failed. Run it again with FUZZ_SEED={FuzzSettings.Seed} FUZZ_CASE={number}. {input.Length} bytes: {hex}{(input.Length > ShownBytes ? "…" : "")}");
    }
}
