namespace DistributedSockets.Tests;

public sealed class UnacknowledgedMessagesTests
{
    [Fact]
    public void Add_AndAcknowledge_PositionFollowsTheNumbers()
    {
        var messages = new UnacknowledgedMessages(10, 500);

        Assert.Equal([11, 12, 13], [messages.Add(510, 7), messages.Add(520, 8), messages.Add(530, 9)]);
        Assert.Equal((10, 500, 13, 530, 3, 24), (messages.Acknowledged, messages.AcknowledgedOffset, messages.Last, messages.LastOffset, messages.Count, messages.Bytes));

        Assert.True(messages.TryAcknowledge(12));
        Assert.Equal((12, 520, 13, 530, 1, 9), (messages.Acknowledged, messages.AcknowledgedOffset, messages.Last, messages.LastOffset, messages.Count, messages.Bytes));
        Assert.True(messages.TryAcknowledge(3)); // as an old one that comes late
        Assert.True(messages.TryAcknowledge(13));
        Assert.Equal((13, 530, 13, 530, 0, 0), (messages.Acknowledged, messages.AcknowledgedOffset, messages.Last, messages.LastOffset, messages.Count, messages.Bytes));
    }

    [Fact]
    public void Acknowledge_NeverSent_IsRefusedAndChangesNothing()
    {
        var messages = new UnacknowledgedMessages(0, 0);
        messages.Add(1, 1);

        Assert.False(messages.TryAcknowledge(2));
        Assert.False(messages.TryAcknowledge(long.MaxValue));
        Assert.Equal((0, 1), (messages.Acknowledged, messages.Count));
    }

    [Fact]
    public void Skip_UsesUpItsNumberAndCountsAsAcknowledgedWithAllBeforeIt()
    {
        var messages = new UnacknowledgedMessages(0, 0);
        messages.Skip(5);
        Assert.Equal((1, 5, 0), (messages.Acknowledged, messages.AcknowledgedOffset, messages.Count));

        messages.Add(6, 1);
        messages.Skip(7);
        messages.Skip(8);
        messages.Add(9, 1);
        Assert.Equal((1, 5), (messages.Acknowledged, messages.Last));

        Assert.True(messages.TryAcknowledge(2));
        Assert.Equal((4, 8, 1), (messages.Acknowledged, messages.AcknowledgedOffset, messages.Count));
    }

    [Fact]
    public void MoveTo_OnlyWithNothingUnacknowledged_MovesThePosition()
    {
        var messages = new UnacknowledgedMessages(0, 5);
        messages.MoveTo(50);
        messages.MoveTo(40);
        Assert.Equal((0, 50, 50), (messages.Acknowledged, messages.AcknowledgedOffset, messages.LastOffset));

        messages.Add(60, 1);
        messages.MoveTo(70);
        Assert.Equal(50, messages.AcknowledgedOffset);
    }

    [Fact]
    public void Ring_AnyOrderOfCalls_IsAsAListWouldBe()
    {
        var random = new Random(1);
        var messages = new UnacknowledgedMessages(0, 0);
        var model = new List<(long Number, long Offset, int Bytes, bool IsSkipped)>();
        var (offset, number, acknowledged) = (0L, 0L, 0L);
        for (var step = 0; step < 20_000; step++)
        {
            offset += random.Next(1, 4);
            switch (random.Next(5))
            {
                case 0:
                    messages.Skip(offset);
                    model.Add((++number, offset, 0, true));
                    break;
                case 1 when number > acknowledged:
                    acknowledged = random.NextInt64(acknowledged, number + 1);
                    Assert.True(messages.TryAcknowledge(acknowledged));
                    break;
                default:
                    var bytes = random.Next(100);
                    Assert.Equal(++number, messages.Add(offset, bytes));
                    model.Add((number, offset, bytes, false));
                    break;
            }

            while (model.Count > 0 && (model[0].IsSkipped || model[0].Number <= acknowledged))
            {
                acknowledged = Math.Max(acknowledged, model[0].Number);
                model.RemoveAt(0);
            }

            Assert.Equal((acknowledged, number, model.Count, model.Sum(static one => (long)one.Bytes)), (messages.Acknowledged, messages.Last, messages.Count, messages.Bytes));
        }
    }
}
